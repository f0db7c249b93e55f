"""`swift pt`: what `swift sft` does, by default on plain text of which every token is trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from swift_lib.arguments import PretrainArguments, as_arguments
from swift_lib.pipelines.sft import SftResult, fine_tune


def pretrain_main(args: PretrainArguments | Sequence[str] | Mapping[str, Any] | None = None) -> SftResult:
    """Train on texts; the same outputs as `sft_main`."""
    return fine_tune(as_arguments(PretrainArguments, args))


pt_main = pretrain_main
