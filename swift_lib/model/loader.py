"""Loading tokenizers and models through the functions that their types name."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer

from swift_lib.core.errors import ModelError, first_line
from swift_lib.model import source
from swift_lib.model.base import ModelInfo, ModelMeta
from swift_lib.model.heads import task_model
from swift_lib.model.match import match_by_name, match_model, read_model_names
from swift_lib.model.tasks import WITH_HEAD, resolve_task

logger = logging.getLogger(__name__)

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32, "auto": None}


def get_processor(id_or_path: str, model_type: str | None = None, **options: Any) -> Any:
    """The tokenizer of a model, without its weights; carries `model_info` and `model_meta`. Options: see
    get_model_processor."""
    return get_model_processor(id_or_path, model_type=model_type, load_model=False, **options)[1]


def get_model_processor(
    id_or_path: str,
    *,
    model_type: str | None = None,
    torch_dtype: torch.dtype | str | None = None,
    device_map: str | dict[str, Any] | None = None,
    attn_impl: str | None = None,
    quantization_config: Any = None,
    load_model: bool = True,
    revision: str | None = None,
    local_files_only: bool = False,
    trust_remote_code: str | None = None,
    rope_scaling: str | dict[str, Any] | None = None,
    max_model_len: int | None = None,
    pad_token: str | None = None,
    automodel_class: Any = None,
    task_type: str | None = None,
    num_labels: int | None = None,
    problem_type: str | None = None,
    **model_kwargs: Any,
) -> tuple[Any, Any]:
    """Load the model of a folder or hub id (or None) and its tokenizer, which carries `model_info` and `model_meta`.

    torch_dtype: None: as the type's ModelMeta says, else config.json, else bfloat16.
    attn_impl: sdpa, eager, flash_attention_2 ...; None: transformers' choice.
    trust_remote_code: `name@commit` to allow a model's own code; else it is never run.
    rope_scaling: transformers' rope settings (dict or JSON), or a type (linear, dynamic, yarn) with max_model_len.
    pad_token: for a tokenizer that has none: a token it knows, or `eos`. task_type and so on: see `resolve_task`.
    automodel_class: loads the weights in place of what the task needs. model_kwargs: passed to from_pretrained.
    device_map: as transformers takes it, an object also as its JSON.
    """
    if not sys.stderr.isatty():
        transformers.utils.logging.disable_progress_bar()  # bars of a log are a line for each of their steps
    if trust_remote_code and revision is None:
        revision = trust_remote_code.partition("@")[2]
    folder, raw, meta = find_model(
        id_or_path, model_type, revision=revision, local_files_only=local_files_only, with_weights=load_model
    )
    source.check_requires(meta.requires, f"model type {meta.model_type!r}")
    known = raw.get("model_type") in CONFIG_MAPPING
    if load_model:
        source.check_weights(folder)
        known = known and hasattr(transformers, (raw.get("architectures") or [""])[0])
    kwargs = source.remote_code(id_or_path, raw, trust_remote_code, known)
    config = load_config(folder, kwargs)
    _set_rope(config, rope_scaling, max_model_len)
    info = _model_info(folder, meta, config, _choose_dtype(torch_dtype, meta, config), max_model_len)
    task = resolve_task(meta, raw, read_model_names(folder), (task_type, num_labels, problem_type))
    info.task_type, info.num_labels, info.problem_type = task
    if load_model:
        automodel_class = automodel_class or task_model(task)
        given = {"device_map": _device_map(device_map), "quantization_config": quantization_config}
        kwargs |= model_kwargs | _without_none(given) | {"dtype": info.torch_dtype}
    more = {"automodel_class": automodel_class, "attn_impl": attn_impl, "rope_scaling": info.rope_scaling}
    options = {"model_config": config, **_without_none(more)}
    model, processor = _loaded(meta, meta.load_function()(str(folder), info, kwargs, load_model, **options), load_model)
    _finish_processor(processor, meta, info, pad_token)
    if model is not None:
        _finish_model(model, meta, info, processor)
    return model, processor


def get_model_tokenizer(
    model_id_or_path: str,
    torch_dtype: torch.dtype | str | None = None,
    device_map: str | dict[str, Any] | None = None,
    *,
    model_kwargs: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """The 3.x spelling of get_model_processor."""
    return get_model_processor(
        model_id_or_path, torch_dtype=torch_dtype, device_map=device_map, **options, **(model_kwargs or {})
    )


def _loaded(meta: ModelMeta, result: Any, load_model: bool) -> tuple[Any, Any]:
    """Check what a type's loading function returned."""
    if not isinstance(result, tuple) or len(result) != 2 or result[1] is None:
        problem = "does not return (model or None, tokenizer or processor)"
    elif load_model and result[0] is None:
        problem = "returns no model although load_model is true"
    elif not load_model and result[0] is not None:
        problem = "returns a model although load_model is false"
    else:
        return result
    raise ModelError(f"the loading function {problem}", where=f"model type {meta.model_type!r}")


def find_model(
    id_or_path: str,
    model_type: str | None = None,
    *,
    revision: str | None = None,
    local_files_only: bool = False,
    with_weights: bool = False,
) -> tuple[Path, dict[str, Any], ModelMeta]:
    """The local folder of a model, its config.json and what is known about it; loads neither tokenizer nor weights."""
    by_name = match_by_name(id_or_path)
    folder = source.locate(
        id_or_path,
        revision=revision,
        local_files_only=local_files_only,
        with_weights=with_weights,
        ignore_patterns=by_name.resolved().ignore_patterns if by_name else (),
    )
    raw = source.read_config(folder)
    return folder, raw, match_model(id_or_path, raw, model_type, read_model_names(folder)).resolved()


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def get_model_tokenizer_with_flash_attn(
    model_dir: str, model_info: ModelInfo, model_kwargs: dict[str, Any], load_model: bool = True, **kwargs: Any
) -> tuple[Any, Any]:
    """The usual `get_function` of a text model: put attn_impl on the config, then load.

    kwargs: attn_impl, model_config (else read from the folder), and what get_model_tokenizer_from_local takes.
    """
    config = kwargs.pop("model_config", None)
    if config is None:
        config = load_config(Path(model_dir), model_kwargs)
    attn_impl = kwargs.pop("attn_impl", None)
    if attn_impl:
        config._attn_implementation = attn_impl
    return get_model_tokenizer_from_local(
        model_dir, model_info, model_kwargs, load_model, model_config=config, **kwargs
    )


def get_model_tokenizer_from_local(
    model_dir: str,
    model_info: ModelInfo,
    model_kwargs: dict[str, Any],
    load_model: bool = True,
    *,
    tokenizer: Any = None,
    model_config: Any = None,
    automodel_class: Any = None,
    **kwargs: Any,
) -> tuple[Any, Any]:
    """Load from a folder: `tokenizer` and `automodel_class` replace the automatic choices; safetensors only."""
    if tokenizer is None:
        tokenizer = load_tokenizer(model_dir, model_kwargs)
    if not load_model:
        return None, tokenizer
    model = (automodel_class or AutoModelForCausalLM).from_pretrained(
        model_dir, config=model_config, use_safetensors=True, **model_kwargs
    )
    return model, tokenizer


def load_config(folder: Path, kwargs: dict[str, Any], config_class: Any = AutoConfig) -> Any:
    """config.json of a folder as an object; of `kwargs` what concerns remote code is used."""
    remote = {key: kwargs[key] for key in ("trust_remote_code", "code_revision") if key in kwargs}
    try:
        return config_class.from_pretrained(folder, **remote)
    except ValueError as error:
        raise ModelError(f"transformers cannot read config.json: {first_line(error)}", where=str(folder)) from error


_shared: list[dict[Any, Any]] = []  # the tokenizers that may be given again, innermost `shared_tokenizers` last


@contextmanager
def shared_tokenizers() -> Iterator[None]:
    """While it lasts, the tokenizer of a folder is loaded once (2 s for a large vocabulary), and given to everybody."""
    _shared.append({})
    try:
        yield
    finally:
        _shared.pop()


def load_tokenizer(folder: str, kwargs: dict[str, Any], tokenizer_class: Any = AutoTokenizer) -> Any:
    """The tokenizer of a folder; of `kwargs` what concerns remote code is used."""
    remote: dict[str, Any] = {key: kwargs[key] for key in ("trust_remote_code", "code_revision") if key in kwargs}
    key = (folder, tuple(remote.items()), tokenizer_class)
    if _shared and key in _shared[-1]:
        return _shared[-1][key]
    tokenizer = _read_tokenizer(folder, remote, tokenizer_class)
    if _shared:
        _shared[-1][key] = tokenizer
    return tokenizer


def _read_tokenizer(folder: str, remote: dict[str, Any], tokenizer_class: Any) -> Any:
    source.check_tokenizer(Path(folder))
    try:
        return tokenizer_class.from_pretrained(folder, **remote)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"the tokenizer cannot be loaded: {first_line(error)}",
            where=folder,
            fix="the folder needs tokenizer.json and tokenizer_config.json",
        ) from error


def _finish_model(model: Any, meta: ModelMeta, info: ModelInfo, processor: Any) -> None:
    model.model_meta, model.model_info = meta, info
    text = model.config.get_text_config()
    if info.task_type in WITH_HEAD and text.pad_token_id is None:
        text.pad_token_id = getattr(
            processor, "tokenizer", processor
        ).pad_token_id  # by which others find the last token
    config = getattr(model, "generation_config", None)
    if config is None or config.do_sample:
        return
    try:
        config.validate(strict=True)
    except ValueError:
        # Some published models set a temperature and not do_sample; transformers loads that and refuses to save it.
        config.do_sample = True
        logger.info("generation_config.json has sampling values without do_sample; it counts as true")


def _device_map(asked: str | dict[str, Any] | None) -> Any:
    return json.loads(asked) if isinstance(asked, str) and asked.startswith("{") else asked


def _choose_dtype(asked: torch.dtype | str | None, meta: ModelMeta, config: Any) -> torch.dtype:
    for choice in (asked, meta.torch_dtype, getattr(config, "dtype", None)):
        if isinstance(choice, str):
            if choice not in _DTYPES:
                raise ModelError(f"torch_dtype {choice!r} is not one of {list(_DTYPES)}")
            choice = _DTYPES[choice]
        if choice is not None:
            return choice
    return torch.bfloat16


def _set_rope(config: Any, rope_scaling: str | dict[str, Any] | None, max_model_len: int | None) -> None:
    if rope_scaling is None:
        return
    if isinstance(rope_scaling, str) and rope_scaling.startswith("{"):
        rope_scaling = json.loads(rope_scaling)
    if isinstance(rope_scaling, str):
        original = config.max_position_embeddings
        if max_model_len is None:
            raise ModelError(f"rope_scaling {rope_scaling!r} needs a length", fix="give --max_model_len")
        rope_scaling = {"rope_type": rope_scaling, "factor": float(-(-max_model_len // original))}
    config.rope_parameters = {**(getattr(config, "rope_parameters", None) or {}), **rope_scaling}


def _model_info(folder: Path, meta: ModelMeta, config: Any, dtype: torch.dtype, max_len: int | None) -> ModelInfo:
    quantization = getattr(config, "quantization_config", None) or {}
    get = quantization.get if isinstance(quantization, dict) else lambda key: getattr(quantization, key, None)
    method = get("quant_method")
    bits = get("bits") or (4 if get("load_in_4bit") else 8 if get("load_in_8bit") else None)
    text = config.get_text_config()  # of a vision-language model; of a text model the config itself
    return ModelInfo(
        model_type=meta.model_type,
        model_dir=str(folder),
        torch_dtype=dtype,
        max_model_len=max_len or getattr(text, "max_position_embeddings", None),
        quant_method={"bitsandbytes": "bnb"}.get(str(method), str(method)) if method else None,
        quant_bits=bits,
        rope_scaling=getattr(config, "rope_parameters", None),
        is_moe_model=any(getattr(text, key, None) for key in ("num_experts", "n_routed_experts", "num_local_experts")),
        is_multimodal=meta.is_multimodal,
        config=config,
    )


def _finish_processor(processor: Any, meta: ModelMeta, info: ModelInfo, pad_token: str | None) -> None:
    tokenizer = getattr(processor, "tokenizer", processor)
    if pad_token is not None:
        text = tokenizer.eos_token if pad_token == "eos" else pad_token
        if text is None or tokenizer.convert_tokens_to_ids(text) in (None, tokenizer.unk_token_id):
            raise ModelError(f"the tokenizer does not know the pad token {pad_token!r}", where=info.model_dir)
        tokenizer.pad_token = text
    if tokenizer.pad_token is None:
        raise ModelError(
            "the tokenizer has no pad token",
            where=info.model_dir,
            fix="give --pad_token, a token it knows or `eos` (its end-of-text token, which is then masked as padding)",
        )
    for part in (processor, tokenizer):
        part.model_meta, part.model_info = meta, info
