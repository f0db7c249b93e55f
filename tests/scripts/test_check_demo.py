"""scripts/check_demo.py accepts a good summary and names what is wrong with another."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["preprocess", "train", "merge_lora", "evaluate", "reward_sampling", "serve"]
GOOD = {
    "base_accuracy": 0.0,
    "tuned_accuracy": 0.99,
    "reward_mean": 0.7,
    "reward_std": 0.4,
    "pass_at_1": 0.7,
    "pass_at_4": 0.8,
    "server_engine": "vllm",
    "server_tokens_per_second": 50.0,
    "stages": dict.fromkeys(STAGES, 1.0),
}


def check(folder: Path, summary: Any, *words: str) -> subprocess.CompletedProcess[str]:
    path = folder / "summary.json"
    path.write_text(json.dumps(summary), encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "check_demo.py"), str(path), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_good_summary_passes(tmp_path: Path) -> None:
    assert check(tmp_path, GOOD, "--engine", "vllm").returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"base_accuracy": 0.2}, "base_accuracy is 0.2"),
        ({"tuned_accuracy": 0.8}, "tuned_accuracy is 0.8"),
        ({"reward_std": 0.0}, "every sample has the same score"),
        ({"server_engine": "transformers"}, "server_engine is transformers"),
        ({"server_tokens_per_second": 0.0}, "server_tokens_per_second"),
        ({"stages": {}}, "stage preprocess did not run"),
        ({"pass_at_1": 0.9}, "pass_at_1 is above pass_at_4"),
        ({"reward_mean": float("nan")}, "reward_mean is nan"),
    ],
)
def test_a_broken_promise_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    done = check(tmp_path, GOOD | change, "--engine", "vllm")
    assert done.returncode == 1
    assert said in done.stderr


def test_a_missing_figure_and_a_missing_file_are_named(tmp_path: Path) -> None:
    assert "lacks base_accuracy" in check(tmp_path, {}).stderr
    done = check(tmp_path, GOOD, "--engine", "vllm")
    (tmp_path / "summary.json").unlink()
    command = [*done.args[:3]]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
