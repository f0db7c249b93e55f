"""Which optimizer moves the weights, and at which rates."""

from collections.abc import Iterator
from dataclasses import dataclass

from swift_lib.arguments.spec import arg

# What quantised GaLore (Q-GaLore) has beside GaLore: of no use without it.
_QUANTISED_ONLY = {
    "galore_proj_bits": 4,
    "galore_proj_group_size": 256,
    "galore_cos_threshold": 0.4,
    "galore_gamma_proj": 2,
    "galore_queue_size": 5,
}


@dataclass(frozen=True, kw_only=True)
class OptimizerArguments:
    """Optimizer."""

    optimizer: str | None = arg(
        None,
        "Registered optimizer; none follows the other arguments, else AdamW (transformers' own are named by --optim).",
        choices="swift_lib.optimizers.mapping:optimizers_map",
        none_as="",
    )
    vit_lr: float | None = arg(
        None, "Learning rate of the vision tower; none is learning_rate. Selects multimodal.", gt=0, none_as=0.0
    )
    aligner_lr: float | None = arg(
        None,
        "Learning rate of what joins vision and language; none is learning_rate. Selects multimodal.",
        gt=0,
        none_as=0.0,
    )
    use_galore: bool = arg(False, "Keep Adam's moments of projected gradients (GaLore). Selects galore.")
    galore_target_modules: list[str] = arg(
        [], "Ends of names of modules whose gradients are projected; none is every linear layer but the head."
    )
    galore_rank: int = arg(128, "Rank of the projected gradients.", ge=1)
    galore_update_proj_gap: int = arg(50, "Steps between two projections made anew.", ge=1)
    galore_scale: float = arg(1.0, "What the projected update is multiplied by.", gt=0)
    galore_proj_type: str = arg(
        "std",
        "Side that is projected: the shorter (std), the longer (reverse_std), one of them always, or both (full).",
        choices=("std", "reverse_std", "right", "left", "full"),
    )
    galore_optim_per_parameter: bool = arg(
        False, "Update each parameter in the backward pass and drop its gradient; excludes accumulation and clipping."
    )
    galore_with_embedding: bool = arg(False, "Project the gradients of embeddings as well.")
    galore_quantization: bool = arg(False, "Quantised GaLore (Q-GaLore): refused, needs 8-bit kernels of a GPU.")
    galore_proj_quant: bool = arg(False, "Keep the projections quantised (Q-GaLore): refused, as galore_quantization.")
    galore_proj_bits: int = arg(4, "Bits of quantised projections (Q-GaLore).", ge=1)
    galore_proj_group_size: int = arg(256, "Group size of quantised projections (Q-GaLore).", ge=1)
    galore_cos_threshold: float = arg(0.4, "Likeness of projections from which they are kept longer (Q-GaLore).")
    galore_gamma_proj: int = arg(2, "How much longer they are kept (Q-GaLore).", ge=1)
    galore_queue_size: int = arg(5, "Likenesses that are averaged (Q-GaLore).", ge=1)

    def problems(self) -> Iterator[str]:
        """What cannot be had."""
        for name in ("galore_quantization", "galore_proj_quant"):
            if getattr(self, name):
                yield f"--{name}: Q-GaLore needs the 8-bit kernels of bitsandbytes on a GPU; leave it out"
        for name, default in _QUANTISED_ONLY.items():
            if getattr(self, name) != default:
                yield f"--{name}: belongs to Q-GaLore, which is not here"
