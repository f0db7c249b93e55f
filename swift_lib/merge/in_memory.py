"""Merging with the whole model in memory, such as W' = W + (alpha / r) B A (LoRA, arXiv:2106.09685, section 4.1).

Checked by what the model says before and after."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import ModulesToSaveWrapper

from swift_lib.core.errors import ModelError
from swift_lib.merge.adapter import Adapter

logger = logging.getLogger(__name__)

_PROBE = (2, 48)  # rows and tokens of the input on which merged and unmerged model are compared
# Largest difference of logits, relative to the largest logit. In half precision the sum is rounded, its parts were not.
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}


Load = Callable[[Any, str], Any]
Merge = Callable[[Any], Any]


def _load_with_peft(model: Any, folder: str) -> Any:
    # As in training, so that the same parameters count as frozen.
    return PeftModel.from_pretrained(model, folder, is_trainable=True)


def _merge_with_peft(tuned: Any) -> Any:
    return tuned.merge_and_unload(safe_merge=True)


@dataclass(frozen=True)
class Evidence:
    """What the merge of one adapter did to the logits of a fixed input (largest absolute differences)."""

    adapter: str
    matched_keys: int
    merged_difference: float  # merged weights against base with adapter: rounding only
    adapter_effect: float  # base with adapter against base: 0 is an adapter that does nothing
    largest_logit: float


@dataclass(frozen=True)
class Attached:
    """A model with an adapter beside its weights, and what the model said without it."""

    model: Any
    base_logits: torch.Tensor


def attach(model: torch.nn.Module, adapter: Adapter, load: Load = _load_with_peft) -> Attached:
    """The model with the adapter beside its weights. Raises ModelError unless every tensor of both found the other.

    load: (model, folder) -> the model with the adapter.
    """
    base = _logits(model.eval())
    fix = f"give the base it was trained on ({adapter.config.get('base_model_name_or_path')}) as --model"
    try:
        tuned = load(model, str(adapter.folder))
    except (ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"The adapter does not fit this base model: {_first_lines(error)}", where=str(adapter.folder), fix=fix
        ) from error
    expected = set(get_peft_model_state_dict(tuned)) if isinstance(tuned, PeftModel) and adapter.keys else adapter.keys
    unmatched, absent = sorted(adapter.keys - expected), sorted(expected - adapter.keys)
    if unmatched or absent:
        raise ModelError(
            f"{len(unmatched)} tensors of the adapter match no weight of the model{_some(unmatched)}, and "
            f"{len(absent)} that the model needs are not in the adapter{_some(absent)}",
            where=str(adapter.folder),
            fix=fix,
        )
    return Attached(tuned, base)


def merge_attached(
    attached: Attached, adapter: Adapter, merge: Merge = _merge_with_peft
) -> tuple[torch.nn.Module, Evidence]:
    """The plain model with the adapter in its weights, and what that did to its logits.

    merge: (model with the adapter) -> plain model; ValueError where that is not finite.
    """
    before = _logits(attached.model.eval())
    try:
        model = fold(attached.model, merge)
    except ValueError as error:
        raise ModelError(
            f"The merged weights are not finite: {_first_lines(error)}", where=str(adapter.folder), fix="train again"
        ) from error
    after = _logits(model.eval())
    evidence = Evidence(
        adapter=str(adapter.folder),
        matched_keys=len(adapter.keys),
        merged_difference=float((after - before).abs().max()),
        adapter_effect=float((before - attached.base_logits).abs().max()),
        largest_logit=float(before.abs().max()),
    )
    _judge(evidence, model.dtype)
    return model, evidence


def fold(tuned: Any, merge: Merge = _merge_with_peft) -> Any:
    """Merge. Embeddings that share their weight get one each where an adapter changes either."""
    was_tied = _untie_where_touched(tuned)
    model = merge(tuned)
    if was_tied:
        _settle_tying(model)
    return model


@torch.inference_mode()
def _logits(model: Any) -> torch.Tensor:
    """What a model says of the probe: of one without a head its states."""
    outputs = model(input_ids=_probe(model))
    logits = getattr(outputs, "logits", None)
    return (outputs.last_hidden_state if logits is None else logits).float()


def _probe(model: Any) -> torch.Tensor:
    """Token ids spread over the vocabulary, the same at every call."""
    rows, length = _PROBE
    size = model.get_input_embeddings().weight.shape[0]
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, size, (rows, length), generator=generator).to(model.device)


def _untie_where_touched(tuned: Any) -> bool:
    """Give input and output embeddings weights of their own if an adapter changes either; True if they shared them.

    Merging into a shared weight would change both layers, while the adapter was trained beside one.
    """
    if not isinstance(tuned, PeftModel):
        return False
    model: Any = tuned.get_base_model()
    layers = [model.get_input_embeddings(), model.get_output_embeddings()]
    if None in layers or not getattr(model.config.get_text_config(), "tie_word_embeddings", False):
        return False
    if not any(isinstance(layer, BaseTunerLayer | ModulesToSaveWrapper) for layer in layers):
        return False
    output = layers[1]
    while isinstance(output, BaseTunerLayer | ModulesToSaveWrapper):
        output = output.original_module if isinstance(output, ModulesToSaveWrapper) else output.get_base_layer()
    output.weight = torch.nn.Parameter(output.weight.detach().clone(), requires_grad=False)
    return True


def _settle_tying(model: Any) -> None:
    """Say in config.json whether the embeddings are still one weight; where they are not, both are saved."""
    source, target = model.get_input_embeddings(), model.get_output_embeddings()
    if torch.equal(source.weight, target.weight):
        target.weight = source.weight
        return
    logger.info("the adapter was trained on an embedding: input and output embeddings are saved apart")
    model.config.tie_word_embeddings = False
    model.config.get_text_config().tie_word_embeddings = False


def _judge(evidence: Evidence, dtype: torch.dtype) -> None:
    allowed = _TOLERANCE.get(dtype, 1e-1) * max(1.0, evidence.largest_logit)
    if not evidence.merged_difference <= allowed:  # also where it is NaN
        raise ModelError(
            f"The merged model answers differently from base and adapter: logits differ by up to "
            f"{evidence.merged_difference:.3g}, allowed are {allowed:.3g}",
            where=evidence.adapter,
            fix="merge in float32 with --torch_dtype float32",
        )
    if evidence.adapter_effect == 0.0:
        logger.warning("%s changes nothing: its logits are those of the base model", evidence.adapter)


def _some(names: Sequence[str]) -> str:
    return f" ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})" if names else ""


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
