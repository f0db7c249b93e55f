"""The `swift` command: its table, its errors, its exit status."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import swift_lib
from swift_lib.cli import arguments as reference_page
from swift_lib.cli import main as cli
from swift_lib.core.errors import ArgumentError, DataError

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "transformers", "numpy", "datasets", "mlflow", "boto3", "pyarrow", "yaml"}


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name}" in shown for name in [*cli.STAGES, *cli.TOOLS])
    assert not any(f"\n  {name}" in shown for name in cli.LATER)


@pytest.mark.parametrize(
    "words", [["--help"], ["sft", "--help"], ["arguments", "--markdown"], ["sft", "--lora_rnk", "3"]]
)
def test_nothing_heavy_is_loaded(words: list[str]) -> None:
    code = f"import sys; from swift_lib.cli.main import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert HEAVY & set(done.stderr.split()) == set()


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"swift {project['version']}\n"
    assert swift_lib.__version__ == project["version"]


@pytest.mark.parametrize("name", cli.STAGES)
def test_every_command_explains_its_arguments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name.replace("-", "_"), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: swift {name} ")
    assert "  --model  <str>, required\n" in shown
    assert max(map(len, shown.splitlines())) <= 160


@pytest.mark.parametrize("name", cli.TOOLS)
def test_every_tool_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: swift {name} ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["stf"], "There is no command 'stf'. Did you mean sft? Do: see `swift --help` for the commands."),
        (["rlhf", "--model", "m"], "swift rlhf is not available yet. Do: see `swift --help` for what is."),
        (["web_ui"], "swift web-ui is not available yet. Do: see `swift --help` for what is."),
    ],
)
def test_an_unknown_command_is_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_all_argument_errors_at_once_with_status_2() -> None:
    words = ["sft", "--lora_rnk", "3", "--lora_rank", "0"]
    done = subprocess.run([sys.executable, "-m", "swift_lib", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "--lora_rnk: unknown argument; did you mean --lora_rank?",
        "--model: required",
        "--lora_rank: must be at least 1, got 0",
        "--dataset: required (or --cached_dataset, the output of swift preprocess)",
    ]


def test_an_error_is_one_paragraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("swift: There is no manifest.json.")
    assert shown.count("\n") == 1


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        cli.main(["data", "show", str(tmp_path), "--debug"])
    with pytest.raises(ArgumentError):
        cli.main(["sft", "--debug", "true"])
    assert cli.main(["sft", "--debug", "false"]) == 2


def test_a_missing_library_becomes_the_command_that_installs_it(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["numpy"] = None  # what an environment without it does
from swift_lib.cli.main import main
sys.exit(main(["data", "show", {str(tmp_path)!r}]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "needs 'numpy', which is not installed. Do: pip install 'swift-pipelines[train]'." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_signal_ends_a_stage_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = {"swift_lib.pipelines.export:export_main": lambda _args: os.kill(os.getpid(), signal.SIGTERM)}
    monkeypatch.setattr(cli, "load", _load_but(stop))
    assert cli.main(["export", "--model", "m"]) == 128 + signal.SIGTERM


@pytest.mark.parametrize("name", [name for name in cli.STAGES if name != "merge-lora"] + ["main"])
def test_runs_as_a_script_from_any_folder(name: str, tmp_path: Path) -> None:
    script = ROOT / "swift_lib" / "cli" / f"{name}.py"
    words = ["sft", "--seed", "x"] if name == "main" else ["--seed", "x"]
    done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--seed: expected int, got 'x'" in done.stderr


def test_every_stage_has_a_script() -> None:
    scripts = {path.stem for path in (ROOT / "swift_lib" / "cli").glob("*.py")}
    assert {name.replace("-", "_") for name in cli.STAGES} <= scripts


def test_merge_lora_is_export_with_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(cli, "load", _load_but({"swift_lib.pipelines.export:export_main": ran.append}))
    assert cli.main(["merge-lora", "--model", "m", "--adapters", "a"]) == 0
    assert ran[0].export.merge_lora is True


def _load_but(replaced: dict[str, object]) -> object:
    original = cli.load
    return lambda target: replaced[target] if target in replaced else original(target)


def test_the_reference_page_is_up_to_date() -> None:
    page = ROOT / "docs" / "arguments.md"
    assert page.read_text(encoding="utf-8") == reference_page.reference(), (
        "run: swift arguments --markdown > docs/arguments.md"
    )


def test_arguments_of_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["arguments", "merge_lora"]) == 0
    assert capsys.readouterr().out.startswith("Usage: swift merge-lora ")
    assert cli.main(["arguments", "stf"]) == 2
