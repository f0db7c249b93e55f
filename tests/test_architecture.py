"""The architecture, held by a test: imports go down only, light modules stay light, files and functions stay small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "swift_lib"

# Top to bottom. An import goes to a lower line only; parts on one line are strangers to each other.
LAYERS: list[set[str]] = [
    {"llm", "plugin", "utils"},
    {"cli", "ui", "__main__"},
    {"pipelines"},
    {"trainers", "rlhf_trainers", "rollout", "megatron"},
    {"rewards"},
    {"infer_engine"},
    {"arguments"},
    {"template"},
    {"model", "dataset", "dataloader", "agent_template", "loss_scale", "loss", "metrics", "optimizers", "callbacks",
     "tuner_plugin", "merge"},
    {"core"},
]  # fmt: skip
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
OPEN = {("tuner_plugin", "model.arch"), ("optimizers", "model.arch")}  # pure data, open to these
NO_ARGUMENTS_BELOW = "pipelines"  # parts take values; only commands and the command line know the arguments

LIGHT = ["swift_lib", "swift_lib.core.registry", "swift_lib.core.types", "swift_lib.core.storage",
         "swift_lib.core.manifest", "swift_lib.core.tracking", "swift_lib.arguments", "swift_lib.cli.main",
         "swift_lib.model.mapping", "swift_lib.template.mapping", "swift_lib.rewards.mapping",
         "swift_lib.loss.mapping", "swift_lib.loss_scale.mapping", "swift_lib.tuner_plugin.mapping",
         "swift_lib.callbacks.mapping", "swift_lib.infer_engine.mapping", "swift_lib.metrics.mapping",
         "swift_lib.optimizers.mapping", "swift_lib.agent_template.mapping", "swift_lib.trainers.mapping"]  # fmt: skip
HEAVY = ["torch", "transformers", "peft", "datasets", "numpy", "vllm", "kfp", "mlflow", "boto3"]
MAX_LINES, MAX_FUNCTION = 400, 60


def _python_files() -> list[Path]:
    folders = ["swift_lib", "components", "pipelines", "examples", "benchmarks", "tests"]
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _is_kfp(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("dsl." in ast.unparse(decorator) for decorator in node.decorator_list)


def _violations(path: Path) -> Iterator[str]:
    relative = path.relative_to(PACKAGE)
    part = relative.parts[0].removesuffix(".py")
    if part == "__init__":
        return
    for line, name in _imports(path):
        if not name.startswith("swift_lib."):
            continue
        target = name.split(".")[1]
        if target == part or target not in LEVEL:
            continue
        if any(name.startswith(f"swift_lib.{opened}") for own, opened in OPEN if own == part):
            continue
        if part == "__main__" and target == "cli":
            continue
        if LEVEL[target] <= LEVEL[part]:
            yield f"{relative}:{line}: {part} may not import {name}"
        if target == "arguments" and LEVEL[part] > LEVEL[NO_ARGUMENTS_BELOW]:
            yield f"{relative}:{line}: parts take values, not {name}"


def test_every_part_has_a_layer() -> None:
    found = [path for path in PACKAGE.iterdir() if not path.name.startswith("__p")]
    parts = {path.stem if path.is_file() else path.name for path in found}
    assert parts - set(LEVEL) - {"__init__", "py", "config"} == set()


def test_imports_go_down_only() -> None:
    found = [violation for path in sorted(PACKAGE.rglob("*.py")) for violation in _violations(path)]
    assert found == []


def test_the_library_never_imports_kfp() -> None:
    imports = [(path, line, name) for path in PACKAGE.rglob("*.py") for line, name in _imports(path)]
    found = [f"{path}:{line}" for path, line, name in imports if name.split(".")[0] == "kfp"]
    assert found == []


def test_files_and_functions_stay_small() -> None:
    found = []
    for path in _python_files():
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        # A generated table is data: it says so on its first line.
        if lines > MAX_LINES and "generated" not in text.split("\n", 1)[0].lower():
            found.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # A pipeline's or component's signature is its form, one parameter a line; its body is what counts.
                start = node.body[0].lineno if _is_kfp(node) else node.lineno
                length = (node.end_lineno or start) - start + 1
                if length > MAX_FUNCTION:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {length} lines")
    assert found == []


def test_environment_is_read_in_one_place() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).as_posix() != "core/environment.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "os.environ" in line or "os.getenv" in line
    ]
    assert found == []


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
