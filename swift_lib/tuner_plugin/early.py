"""What a tuner cannot do here, told before anything is loaded."""

from collections.abc import Sequence
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.tuner_plugin.calling import get_tuner, saved_kind, tuner_of
from swift_lib.tuner_plugin.peft_tuner import PeftTuner

_SPARSE_ATTENTION = (None, "sdpa")


def require_tunable(args: Any, adapters: Sequence[str]) -> None:
    """Raise ArgumentError or ModelError for options of the tuner that cannot work on this machine, and for adapters
    (local folders) that training cannot go on from.
    """
    problems = []
    if args.tuner_type == "boft" and args.boft_n_butterfly_factor > 1 and not torch.cuda.is_available():
        problems.append("--boft_n_butterfly_factor: more than 1 runs in a CUDA kernel, and there is no CUDA device")
    if args.tuner_type == "longlora" and args.attn_impl not in _SPARSE_ATTENTION:
        problems.append(f"--attn_impl: longlora brings its own attention, which takes the place of {args.attn_impl}")
    if len(adapters) > 1:
        problems.append(
            "--adapters: training goes on from one; merge the others first (swift export --merge_lora true)"
        )
    if adapters and args.tuner_type == "full":
        problems.append(
            "--adapters: --tuner_type full trains the weights; merge the adapter first, or train it further"
        )
    if problems:
        raise ArgumentError(problems)
    for folder in adapters:
        _require_same_kind(args.tuner_type, folder)


def _require_same_kind(tuner_type: str, folder: str) -> None:
    """An adapter is trained further as what it is; a LoRA also as what adds to LoRA."""
    name, kind = saved_kind(folder)
    wanted, found = (
        tuner if isinstance(tuner, type) else type(tuner) for tuner in (get_tuner(tuner_type), tuner_of(folder))
    )
    if found is PeftTuner:
        raise ModelError(
            f"The adapter is of type {kind}, which is not trained here",
            where=folder,
            fix="use it for inference, or start a new adapter",
        )
    if not issubclass(wanted, found):
        kind = name or str(kind).lower()
        raise ModelError(
            f"The adapter is of type {kind}, and is to be trained as {tuner_type}",
            where=folder,
            fix=f"give --tuner_type {kind}",
        )
