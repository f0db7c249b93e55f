"""How much of the devices' arithmetic training uses."""

import time
from typing import Any

import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.base import TrainerCallback
from swift_lib.core import environment

_SIDE = {"cpu": 512}  # of the matrices that are multiplied to measure a device
_GPU_SIDE = 8192
_TRIES = 5


class PerfLogCallback(TrainerCallback):
    """Log `mfu` with the loss: floating-point operations of the model since training began, by those of the devices.

    mfu = total_flos / (seconds * devices * peak). `total_flos` is transformers' count: 6 for each token and parameter
    that is not an embedding, padding included. The peak is the variable DEVICE_TFLOPS, in units of 1e12 operations a
    second, else what a product of two large matrices of the training's precision reaches here, measured once.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.peak = 0.0
        self._began = self._flos = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Find the peak, start the clock; what a checkpoint counted before is not of this process."""
        self.peak = environment.device_tflops() * 1e12 or measured_peak(args.device, _precision(args))
        self._began, self._flos = time.perf_counter(), state.total_flos

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Add the figure to each logged loss, as a record of its own."""
        if not logs or "loss" not in logs or state.total_flos <= self._flos:
            return
        seconds = time.perf_counter() - self._began
        used = (state.total_flos - self._flos) / seconds
        self.trainer.log({"mfu": used / (self.peak * args.world_size)})


def measured_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of the best of several products of square matrices: 2 * side**3 each."""
    side = _SIDE.get(device.type, _GPU_SIDE)
    # A generator of its own, so that what dropout draws does not change; all ones would take less power than numbers.
    generator = torch.Generator(device).manual_seed(0)
    left, right = (torch.rand(side, side, device=device, generator=generator).to(dtype) for _ in range(2))
    best = float("inf")
    for _ in range(_TRIES):
        _wait(device)
        began = time.perf_counter()
        torch.mm(left, right)
        _wait(device)
        best = min(best, time.perf_counter() - began)
    return float(2 * side**3 / best)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _precision(args: TrainingArguments) -> torch.dtype:
    return torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else torch.float32
