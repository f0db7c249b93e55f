"""Which kinds of adapter can become part of the weights, by the `peft_type` of their adapter_config.json. Pure data."""

from collections.abc import Mapping

from swift_lib.core.errors import ModelError

MERGES: Mapping[str, str] = {
    "LORA": "B A is added to the weight; with DoRA the sum is scaled",
    "ADALORA": "P diag(E) Q is added to the weight",
    "VERA": "the scaled product of the shared matrices is added to the weight",
    "FOURIERFT": "the inverse transform of the spectrum is added to the weight",
    "MISS": "the block, repeated, is added to the weight",
    "BOFT": "the weight is turned",
    "IA3": "the weight's rows, or columns, are scaled",
    "LLAMAPRO": "the new layers are layers of a deeper model",
}
"""What merging does, for those that merge."""

_TOKENS = "it stands in front of the text as tokens, not in the weights"
STAYS: Mapping[str, str] = {
    "ADAPTER": "its activation stands between the weights",
    "REFT": "it edits what layers hand on, not the weights",
    "ADAPTION_PROMPT": _TOKENS,
    "P_TUNING": _TOKENS,
    "PREFIX_TUNING": _TOKENS,
    "PROMPT_TUNING": _TOKENS,
    "MULTITASK_PROMPT_TUNING": _TOKENS,
}
"""Why not, for those that do not."""


def require_mergeable(kind: str, where: str) -> None:
    """Raise ModelError, with the reason, for an adapter that has to stay beside its base."""
    if kind in MERGES:
        return
    raise ModelError(
        f"An adapter of type {kind} cannot be merged ({STAYS.get(kind, 'it is not known here')}); "
        f"these can: {', '.join(MERGES)}",
        where=where,
        fix="use it beside its base with --adapters",
    )
