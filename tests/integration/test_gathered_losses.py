"""Losses over two processes: the values and gradients of one process with all rows."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each rank wrote."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, str(SCRIPT)]
    started = [subprocess.Popen([*command, str(rank), str(folder)], cwd=SCRIPT.parents[2]) for rank in (0, 1)]
    try:
        assert [process.wait(120) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_in_batch_negatives_come_from_every_process(found: list[dict[str, Any]]) -> None:
    """Groups of unlike sizes on each; the gradients that data parallel training averages are those of one process."""
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    linear = module.model()
    rows, labels = (torch.cat(parts) for parts in zip(module.rows_of(0), module.rows_of(1), strict=True))
    loss = module.loss_of(linear, rows, labels)
    loss.backward()
    for rank in (0, 1):
        assert found[rank]["loss"] == pytest.approx(loss.item(), abs=1e-6)
        torch.testing.assert_close(torch.tensor(found[rank]["gradient"]), linear.weight.grad)


def test_channels_of_some_processes_are_reported_by_all(found: list[dict[str, Any]]) -> None:
    expected = {"loss_both": 1.5, "loss_first": 1.0, "loss_second": 2.0}
    assert [result["channels"] for result in found] == [expected, expected]


def test_running_metrics_are_of_all_processes(found: list[dict[str, Any]]) -> None:
    """One row of a right and a wrong token, and two of two right ones."""
    assert [result["accuracy"] for result in found] == [{"token_acc": pytest.approx(5 / 6)}] * 2
    assert [result["mean"] for result in found] == [{"value": 3.0}] * 2


def test_values_are_summed_and_gathered(found: list[dict[str, Any]]) -> None:
    assert [result["sum"] for result in found] == [[2.0, 1.0]] * 2
    assert [result["ranks"] for result in found] == [[0, 1]] * 2
