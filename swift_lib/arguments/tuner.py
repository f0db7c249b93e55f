"""Which weights are trained."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields

from swift_lib.arguments.spec import arg

BUILT_IN = (
    "lora", "qlora", "adalora", "longlora", "vera", "boft", "fourierft", "bone", "miss", "ia3", "lora_llm", "llamapro",
    "adapter", "reft", "full", "dummy",
)  # fmt: skip
STARTS = ("true", "false", "gaussian", "orthogonal", "pissa", "pissa_niter_N", "olora")
"""How a LoRA may start: from nothing but the weights."""
CHANGES_BASE = ("pissa", "olora")
"""Beginnings of those names whose start is taken out of the base's weights."""
_NEEDS_DATA = ("lora-ga", "lora_ga", "eva", "corda")

_LORA = ("lora", "qlora", "longlora", "lora_llm")
_PEFT = (*_LORA, "adalora", "vera", "boft", "fourierft", "bone", "miss", "ia3")
_QUANTISED = ("lora", "qlora")
_FULL = ("full",)
# The tuners that an option is for, by its name or by the beginning of its name. A plugin's tuner may use any of them.
_KINDS = {
    "target_regex": _PEFT,
    "target_parameters": ("lora", "longlora"),
    "modules_to_save": _PEFT,
    "lora_dtype": (*_LORA, "adalora"),
    "lorap_lr_ratio": _LORA,
    "use_rslora": _LORA,
    "use_dora": _LORA,
    "init_weights": (*_LORA, "bone", "miss"),
}
_PREFIXES = {
    "adalora_": ("adalora",),
    "vera_": ("vera",),
    "boft_": ("boft",),
    "fourier_": ("fourierft",),
    "adapter_": ("adapter",),
    "llamapro_": ("llamapro",),
    "reft_": ("reft",),
    "freeze_parameters": _FULL,
    "trainable_parameters": _FULL,
}
_REFT = (
    "LoreftIntervention", "NoreftIntervention", "ConsreftIntervention", "LobireftIntervention", "DireftIntervention",
    "NodireftIntervention",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TunerArguments:
    """Tuner and quantised loading."""

    tuner_type: str = arg(
        "lora",
        "What is trained: a kind of adapter, adapters on a 4- or 8-bit base (qlora), or all weights (full).",
        choices="swift_lib.tuner_plugin.mapping:tuners_map",
        aliases=("train_type", "sft_type"),
    )
    target_modules: list[str] = arg(
        ["all-linear"],
        "Modules that get an adapter: all-linear, all-embedding, all-router, or ends of module names.",
    )
    target_regex: str | None = arg(
        None, "Modules that get an adapter, as a regular expression of whole names; overrides target_modules.",
        none_as="",
    )  # fmt: skip
    target_parameters: list[str] = arg(
        [], "Ends of names of parameters that get an adapter where no module holds them, such as experts' weights."
    )
    modules_to_save: list[str] = arg(
        [], "Modules trained in full beside the adapter and stored with it; also all-embedding, all-norm."
    )
    lora_rank: int = arg(8, "Rank r of the update B @ A (lora, bone, miss).", ge=1)
    lora_alpha: float = arg(32.0, "Scale of the update, applied as alpha / r.", gt=0)
    lora_dropout: float = arg(0.05, "Dropout in front of the adapter.", ge=0, lt=1)
    lora_bias: str = arg("none", "Which bias vectors are trained as well.", choices=("none", "all", "lora_only"))
    lora_dtype: str | None = arg(
        None, "Precision of the adapter; none is float32.", choices=("float16", "bfloat16", "float32"), none_as=""
    )
    lorap_lr_ratio: float | None = arg(
        None, "Learning rate of B over that of A (LoRA+); 16 is usual.", gt=0, none_as=0.0
    )
    use_rslora: bool = arg(False, "Scale by alpha / sqrt(r) (rsLoRA).")
    use_dora: bool = arg(False, "Train magnitude and direction apart (DoRA).")
    init_weights: str = arg(
        "true",
        "How adapters start: true, false, gaussian, orthogonal, pissa, pissa_niter_N, olora; for bone and miss "
        "true, bat.",
    )
    adalora_target_r: int = arg(8, "Average rank at the end (adalora).", ge=1)
    adalora_init_r: int = arg(12, "Rank at the start (adalora).", ge=1)
    adalora_tinit: int = arg(0, "Steps before ranks are cut (adalora).", ge=0)
    adalora_tfinal: int = arg(0, "Last steps, with fixed ranks (adalora).", ge=0)
    adalora_deltaT: int = arg(1, "Steps between two cuts (adalora).", ge=1)
    adalora_beta1: float = arg(0.85, "Smoothing of the sensitivity (adalora).", gt=0, lt=1)
    adalora_beta2: float = arg(0.85, "Smoothing of its uncertainty (adalora).", gt=0, lt=1)
    adalora_orth_reg_weight: float = arg(0.5, "Weight of the loss that keeps bases orthogonal (adalora).", ge=0)
    vera_rank: int = arg(256, "Rank of the shared random matrices (vera).", ge=1)
    vera_projection_prng_key: int = arg(0, "Seed of the shared random matrices (vera).", ge=0)
    vera_dropout: float = arg(0.0, "Dropout in front of the adapter (vera).", ge=0, lt=1)
    vera_d_initial: float = arg(0.1, "Start of the trained scale d (vera).")
    boft_block_size: int = arg(4, "Width of an orthogonal block; 0 where boft_block_num is given (boft).", ge=0)
    boft_block_num: int = arg(0, "Number of orthogonal blocks; 0 where boft_block_size is given (boft).", ge=0)
    boft_n_butterfly_factor: int = arg(1, "Butterfly factors (boft).", ge=1)
    boft_dropout: float = arg(0.0, "Share of blocks left out at random (boft).", ge=0, lt=1)
    fourier_n_frequency: int = arg(2000, "Trained frequencies of each update (fourierft).", ge=1)
    fourier_scaling: float = arg(300.0, "Scale of each update (fourierft).", gt=0)
    adapter_act: str = arg("gelu", "Activation inside an adapter, as transformers names it (adapter).")
    adapter_length: int = arg(128, "Width of an adapter's bottleneck (adapter).", ge=1)
    llamapro_num_new_blocks: int = arg(4, "Layers that are added (llamapro).", ge=1)
    llamapro_num_groups: int | None = arg(
        None, "Groups of layers, each followed by its share of new ones; none is one group for each new layer "
        "(llamapro).", ge=1, none_as=0,
    )  # fmt: skip
    reft_layer_key: str | None = arg(
        None, "Name of the list of layers; none is what the model's architecture says (reft).", none_as=""
    )
    reft_layers: list[int] = arg([], "Numbers of the layers whose output is edited; empty is all (reft).")
    reft_rank: int = arg(4, "Rank of an intervention (reft).", ge=1)
    reft_intervention_type: str = arg("LoreftIntervention", "Form of the intervention (reft).", choices=_REFT)
    reft_args: str | None = arg(
        None, "Further options of the intervention as a JSON object: dropout, act_fn (reft).", none_as=""
    )
    freeze_parameters: list[str] = arg([], "Beginnings of parameter names that stay frozen (tuner_type full).")
    freeze_parameters_regex: str | None = arg(
        None, "Regular expression; parameters in whose names it is found stay frozen (full).", none_as=""
    )
    freeze_parameters_ratio: float = arg(
        0.0, "Share of all parameters that stay frozen, counted from the input (full).", ge=0, le=1
    )
    trainable_parameters: list[str] = arg(
        [], "Beginnings of parameter names that are trained although frozen by another rule (full)."
    )
    trainable_parameters_regex: str | None = arg(
        None, "Regular expression; parameters in whose names it is found are trained all the same (full).", none_as=""
    )
    freeze_llm: bool = arg(False, "Keep the language model of a multimodal model as it is (no adapters there).")
    freeze_vit: bool = arg(True, "Keep the vision tower of a multimodal model as it is.")
    freeze_aligner: bool = arg(True, "Keep what joins vision and language in a multimodal model as it is.")
    quant_method: str | None = arg(None, "Load the base quantised; qlora uses bnb.", choices=("bnb",), none_as="")
    quant_bits: int | None = arg(
        None, "Bits of the quantised base, 4 or 8; none is 4 for qlora.", ge=4, le=8, none_as=0
    )
    bnb_4bit_compute_dtype: str | None = arg(
        None,
        "Precision of computations on 4-bit weights; none follows torch_dtype.",
        choices=("bfloat16", "float16", "float32"),
        none_as="",
    )
    bnb_4bit_quant_type: str = arg("nf4", "4-bit number format.", choices=("nf4", "fp4"))
    bnb_4bit_use_double_quant: bool = arg(True, "Quantise the quantisation constants as well.")

    def problems(self) -> Iterator[str]:
        """Combinations that contradict each other."""
        if self.quant_bits not in (None, 4, 8):
            yield f"--quant_bits: must be 4 or 8, got {self.quant_bits}"
        yield from self._foreign()
        yield from self._quantised()
        yield from self._start()
        yield from self._of_the_type()
        for name in ("target_regex", "freeze_parameters_regex", "trainable_parameters_regex"):
            yield from _bad_pattern(name, getattr(self, name))

    def _foreign(self) -> Iterator[str]:
        """Options of one kind of tuner given to another, where they would be without effect."""
        for field in fields(self):
            kinds = _kinds_of(field.name)
            default = field.default if field.default is not MISSING else []
            is_foreign = kinds and self.tuner_type in BUILT_IN and self.tuner_type not in kinds
            if is_foreign and getattr(self, field.name) != default:
                yield f"--{field.name}: is for --tuner_type {', '.join(kinds)}; {self.tuner_type} has no use for it"

    def _quantised(self) -> Iterator[str]:
        if not (self.quant_method or self.quant_bits):
            return
        if self.tuner_type == "full":
            yield "--tuner_type: quantised weights cannot be trained in full; use --tuner_type qlora"
        elif self.tuner_type in BUILT_IN and self.tuner_type not in _QUANTISED:
            yield f"--tuner_type: {self.tuner_type} needs the weights as they are; a quantised base is for qlora"

    def _start(self) -> Iterator[str]:
        start, kind = self.init_weights, self.tuner_type
        allowed = ("true", "bat") if kind in ("bone", "miss") else STARTS
        if start in _NEEDS_DATA:
            yield (
                f"--init_weights: {start} computes the start from gradients or activations of training rows, which is "
                "not built here; use pissa or olora, which need the weights only"
            )
        elif start == "loftq":
            yield (
                "--init_weights: loftq trains beside a base that it quantises by its own rule, and the adapter fits no "
                "other; use --tuner_type qlora"
            )
        elif start not in allowed and not re.fullmatch(r"pissa_niter_\d+", start):
            yield f"--init_weights: must be one of {', '.join(allowed)}, got {start!r}"
        elif start.startswith(CHANGES_BASE) and (kind == "qlora" or self.quant_method or self.quant_bits):
            yield f"--init_weights: {start} takes its start out of the base's weights, which must not be quantised"

    def _of_the_type(self) -> Iterator[str]:
        if self.tuner_type == "boft" and bool(self.boft_block_size) == bool(self.boft_block_num):
            yield "--boft_block_size: give it or --boft_block_num, and 0 for the other"
        if self.tuner_type == "llamapro" and self.llamapro_num_new_blocks % (self.llamapro_num_groups or 1):
            yield (
                f"--llamapro_num_groups: {self.llamapro_num_groups} groups cannot share "
                f"{self.llamapro_num_new_blocks} new blocks equally"
            )


def _kinds_of(name: str) -> tuple[str, ...]:
    """The tuners that an option is for; empty for one that all may have a use for."""
    if name in _KINDS:
        return _KINDS[name]
    return next((kinds for prefix, kinds in _PREFIXES.items() if name.startswith(prefix)), ())


def _bad_pattern(name: str, pattern: str | None) -> Iterator[str]:
    try:
        re.compile(pattern or "")
    except re.error as error:
        yield f"--{name}: not a regular expression: {error}"
