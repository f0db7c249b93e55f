"""Plugin of test_stop_phases.py: pauses once in the phase that PAUSE_IN names, and says so by a file.

The phase's real work follows; the pause only makes sure that a signal arrives in it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swift_lib.core import environment
from swift_lib.pipelines import preprocess, sft, starting_point
from swift_lib.trainers import checkpoint_store
from swift_lib.trainers.base import BaseTrainer

# Phase to (where its function is, the function's name).
_PHASES: dict[str, tuple[Any, str]] = {
    "encode": (preprocess, "_build"),
    "load": (sft, "get_model_processor"),
    "download": (starting_point, "bring"),
    "step": (BaseTrainer, "training_step"),
    "evaluate": (BaseTrainer, "prediction_step"),
    "save": (BaseTrainer, "_save"),
    "upload": (checkpoint_store, "upload"),
    "final": (sft, "_save_final"),
}


def _paused(function: Callable[..., Any], seconds: float, marker: Path) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not marker.exists():
            marker.touch()
            until = time.monotonic() + seconds
            while time.monotonic() < until:  # a signal's handler may run, and raise, between two of these
                time.sleep(0.02)
        return function(*args, **kwargs)

    return call


_phase = environment.get("PAUSE_IN")
if _phase:
    _owner, _name = _PHASES[_phase]
    _marker = Path(environment.get("PAUSE_MARKER"))
    setattr(_owner, _name, _paused(getattr(_owner, _name), 1.0, _marker))
