"""What cannot be done is refused with its reason before anything is loaded."""

from typing import Any

import pytest
import torch

from swift_lib.arguments import SftArguments
from swift_lib.core.errors import ArgumentError
from swift_lib.core.view import FlatView
from swift_lib.trainers.possible import require_possible


def problems(world: int = 2, **given: Any) -> str:
    args = SftArguments.from_flat({"model": "m", "dataset": ["d"], **given})
    flat = args.to_flat()
    try:
        require_possible(FlatView(flat), flat, args.hf, world)
    except ArgumentError as error:
        return str(error)
    return ""


def test_a_plain_training_is_possible() -> None:
    assert problems() == problems(sequence_parallel_size=2) == problems(fsdp="fsdp2") == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="refused only where there is no CUDA device")
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"attn_impl": "flash_attention_2"},
            "--attn_impl: flash_attention_2 is GPU code, and there is no GPU; use sdpa",
        ),
        ({"attn_impl": "flex_attention"}, "--attn_impl: flex_attention has no backward pass without a GPU; use sdpa"),
        (
            {"use_liger_kernel": True},
            "--use_liger_kernel: Liger's kernels are GPU code, and there is no GPU; leave it out",
        ),
    ],
)
def test_gpu_code_without_a_gpu(given: dict[str, Any], told: str) -> None:
    assert problems(**given) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"fsdp": "fsdp2", "device_map": "auto"}, "leave out --device_map"),
        ({"fsdp": "fsdp2", "quant_bits": 4}, "quantised weights cannot be cut"),
        (
            {"fsdp": "fsdp2", "load_best_model_at_end": True, "split_dataset_ratio": 0.1},
            "the best checkpoint holds ordinary weights",
        ),
    ],
)
def test_what_spread_weights_do_not_allow(given: dict[str, Any], told: str) -> None:
    assert told in problems(**given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sequence_parallel_size": 3}, "2 processes do not make groups of 3"),
        ({"sequence_parallel_size": 2, "attn_impl": "eager"}, "not for --attn_impl eager"),
        ({"sequence_parallel_size": 2, "padding_side": "left"}, "use --padding_side right"),
        ({"sequence_parallel_size": 2, "enable_channel_loss": True}, "tells the losses of whole rows"),
        ({"sequence_parallel_size": 2, "accelerator_config": {"dispatch_batches": True}}, "leave out dispatch_batches"),
    ],
)
def test_what_shared_sequences_do_not_allow(given: dict[str, Any], told: str) -> None:
    assert told in problems(**given)
