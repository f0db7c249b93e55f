from typing import Any

import pytest
import torch

from swift_lib.callbacks.perf_log import PerfLogCallback, measured_peak
from swift_lib.core.errors import ArgumentError


def logged(own: Any) -> list[float]:
    return [entry["mfu"] for entry in own.state.log_history if "mfu" in entry]


def test_each_logged_loss_has_its_figure(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE_TFLOPS", "0.5")
    now = iter(float(second) for second in range(100))
    monkeypatch.setattr("swift_lib.callbacks.perf_log.time.perf_counter", lambda: next(now))
    own = trainer(["perf_log"], max_steps=4, logging_steps=2)
    own.train()
    # One second passes from each look at the clock to the next.
    flos = 4 * 12 * 2 * 6 * own.model.num_parameters(exclude_embeddings=True)
    assert logged(own) == pytest.approx([flos / 0.5e12, 2 * flos / 2 / 0.5e12])


def test_the_peak_is_measured_where_it_is_not_stated(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEVICE_TFLOPS", raising=False)
    own = trainer(["perf_log"], max_steps=1)
    own.train()
    (callback,) = [c for c in own.callback_handler.callbacks if isinstance(c, PerfLogCallback)]
    assert callback.peak > 1e8 and 0 < logged(own)[0] < 10


def test_measuring_draws_from_no_generator_of_the_training() -> None:
    state = torch.get_rng_state()
    assert measured_peak(torch.device("cpu"), torch.bfloat16) > 0
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("text", ["fast", "-1"])
def test_a_peak_that_is_no_number_is_refused(trainer: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DEVICE_TFLOPS", text)
    with pytest.raises(ArgumentError, match="DEVICE_TFLOPS: the environment says"):
        trainer(["perf_log"]).train()
