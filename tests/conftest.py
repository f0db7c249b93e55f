"""Fixtures that several parts' tests share."""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that reaches for a hub is a mistake: fail at once
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Tests run side by side, and torch threads that wait for a busy core make a step ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, tokenizers and golden outputs that lies beside some checkouts."""
    folder = ROOT.parent / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip(f"no shared folder at {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny() -> Any:
    """The module tests/tiny.py (tests are not a package)."""
    spec = importlib.util.spec_from_file_location("tiny", ROOT / "tests" / "tiny.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_model(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random Qwen2 with its tokenizer."""
    return tiny.make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def learning() -> Any:
    """The module tests/learning.py: fifty steps of training, and what came of them."""
    spec = importlib.util.spec_from_file_location("learning", ROOT / "tests" / "learning.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture()
def learn(learning: Any, tiny_model: Path, tmp_path: Path) -> Any:
    """Train the tiny model for fifty steps in a folder of its own; options as flags, `note` as in tests/learning.py."""

    def run(folder: str = "out", note: Any = None, **more: Any) -> Any:
        rows = tmp_path / "rows.jsonl"
        if not rows.exists():
            learning.write_rows(rows)
        return learning.learn(learning.flags(tiny_model, rows, tmp_path / folder, **more), note)

    return run


@pytest.fixture(scope="session")
def learned_model(learning: Any, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tiny model after fifty steps with all its weights on tests/learning.py's rows: something for
    adapters to stand on. The rows are two folders above it."""
    folder = tmp_path_factory.mktemp("learned")
    rows = learning.write_rows(folder / "rows.jsonl")
    options = learning.flags(tiny_model, rows, folder / "out", lr_scheduler_type="constant")
    return Path(learning.learn(options).result.final)


@pytest.fixture()
def chat_rows() -> list[dict[str, Any]]:
    """40 single-turn conversations in the standard form."""
    words = ["red", "blue", "green", "black", "white", "pink", "grey", "brown"]
    return [
        {
            "messages": [
                {"role": "user", "content": f"say {words[i % 8]} {i}"},
                {"role": "assistant", "content": f"{words[i % 8]} {i}"},
            ]
        }
        for i in range(40)
    ]


@pytest.fixture(scope="session")
def vision_model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folder of a tiny random vision-language model with its processor, by the name of its template; made once."""
    spec = importlib.util.spec_from_file_location("tiny_vision", ROOT / "tests" / "tiny_vision.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return functools.cache(lambda name: module.make_tiny_vision(tmp_path_factory.mktemp("vision"), name))
