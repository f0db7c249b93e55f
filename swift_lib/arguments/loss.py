"""What is made of the loss that `--loss_type` names."""

from collections.abc import Iterator
from dataclasses import dataclass

from swift_lib.arguments.spec import arg
from swift_lib.core.errors import ArgumentError
from swift_lib.loss.matryoshka import matryoshka_dims


@dataclass(frozen=True, kw_only=True)
class LossArguments:
    """Loss."""

    enable_dft_loss: bool = arg(False, "Weigh each token's cross entropy by its own probability (dynamic fine-tuning).")
    enable_channel_loss: bool = arg(False, "Also log the loss of each channel of the rows, as loss_<channel>.")
    router_aux_loss_coef: float = arg(0.0, "Weight of the balance loss of mixture-of-experts models; 0 is none.", ge=0)
    mrl_dims: dict[str, float] | None = arg(
        None,
        'Embeddings: sum the loss over leading dimensions by weight, {"64": 1.0, "256": 1.0}; none is the whole alone.',
        none_as="",
    )

    def problems(self) -> Iterator[str]:
        """Dimensions are whole numbers."""
        try:
            matryoshka_dims(self.mrl_dims)
        except ArgumentError as error:
            yield from error.problems
