"""What --deepspeed and --fsdp name: presets of swift_lib/config, JSON files or JSON text, made transformers' own."""

import copy
import json
import logging
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from swift_lib.core.errors import ArgumentError, MissingDependency

_FOLDER = Path(__file__).resolve().parents[1] / "config"
DEEPSPEED = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
FSDP = ("fsdp2",)

_KEYS = {"fsdp_version": "version", "fsdp": ""}  # the documents' names of what transformers calls otherwise


def deepspeed_config(flat: Mapping[str, Any]) -> dict[str, Any] | None:
    """DeepSpeed's configuration of flat arguments, None without one. Raises ArgumentError, MissingDependency."""
    if not flat["deepspeed"]:
        return None
    if find_spec("deepspeed") is None:
        raise MissingDependency("--deepspeed needs the package deepspeed", fix="pip install 'swift-pipelines[scale]'")
    config = _read(flat["deepspeed"], "deepspeed", DEEPSPEED)
    zero = config.setdefault("zero_optimization", {})
    stage = zero.get("stage", 0)
    problems = []
    if flat["zero_hpz_partition_size"] is not None:
        if stage != 3:
            problems.append("--zero_hpz_partition_size: means something with ZeRO stage 3 only")
        zero["zero_hpz_partition_size"] = flat["zero_hpz_partition_size"]
    if flat["deepspeed_autotp_size"] is not None:
        if stage == 3 or flat["tuner_type"] != "full":
            problems.append("--deepspeed_autotp_size: works with ZeRO stages 0 to 2 and --tuner_type full only")
        config["tensor_parallel"] = {"autotp_size": flat["deepspeed_autotp_size"]}
        zero["gather_16bit_weights_on_model_save"] = True
    if problems:
        raise ArgumentError(problems)
    return config


def fsdp_config(flat: Mapping[str, Any], more: Mapping[str, Any] | str | None) -> dict[str, Any] | None:
    """transformers' fsdp_config of flat arguments, None without FSDP. more: --fsdp_config, which wins."""
    if not flat["fsdp"]:
        return None
    given = _read(flat["fsdp"], "fsdp", FSDP)
    words = str(given.get("fsdp", "full_shard auto_wrap")).split()
    unknown = [word for word in words if word not in ("full_shard", "shard_grad_op", "auto_wrap", "offload")]
    if unknown:
        raise ArgumentError([f"--fsdp: {unknown[0]!r} is not one of full_shard, shard_grad_op, auto_wrap, offload"])
    config = {_KEYS.get(name, name): value for name, value in given.get("fsdp_config", {}).items()}
    config = {name.removeprefix("fsdp_"): value for name, value in config.items() if name}
    config.setdefault("version", 2)
    config.setdefault("reshard_after_forward", "shard_grad_op" not in words)
    if "offload" in words:
        config["cpu_offload"] = True
    if more:
        config |= _read(more, "fsdp_config", ())
    if int(config["version"]) != 2:
        raise ArgumentError(["--fsdp: version 1 is on its way out of PyTorch and transformers; give fsdp_version 2"])
    return config


def silence() -> None:
    """Leave out what the libraries repeat of their own code and settings: it is told in every step, for nobody."""
    warnings.filterwarnings("ignore", r"`torch\.distributed\.\w+` is deprecated", FutureWarning)
    warnings.filterwarnings("ignore", r"FSDP2-wrapped module .* returned a view tensor", UserWarning)
    logging.getLogger("accelerate.accelerator").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return "Gradient accumulation steps mismatch" not in str(record.msg)  # the Trainer accumulates, not accelerate


def _read(value: Mapping[str, Any] | str, name: str, presets: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return copy.deepcopy(dict(value))
    text = value
    if value in presets:
        text = (_FOLDER / f"{value}.json").read_text(encoding="utf-8")
    elif not value.lstrip().startswith("{"):
        if not Path(value).is_file():
            known = f"{', '.join(presets)}, a file or JSON text" if presets else "a file or JSON text"
            raise ArgumentError([f"--{name}: {value!r} is not there; expected {known}"])
        text = Path(value).read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ArgumentError([f"--{name}: not JSON: {error}"]) from error
    if not isinstance(found, dict):
        raise ArgumentError([f"--{name}: expected a JSON object"])
    return found
