"""Loading a base in 4 or 8 bits with bitsandbytes (QLoRA, Dettmers et al. 2023, arXiv:2305.14314)."""

import importlib.util
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from swift_lib.core.errors import ModelError

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def wanted_bits(args: Any) -> int | None:
    """Bits of the base that the arguments ask for; None for the weights as they are."""
    if args.tuner_type == "qlora" or args.quant_method or args.quant_bits:
        return int(args.quant_bits or 4)
    return None


def quantization_config(args: Any) -> BitsAndBytesConfig | None:
    """transformers' configuration of flat arguments, or None where nothing is quantised."""
    bits = wanted_bits(args)
    if bits is None:
        return None
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    name = args.bnb_4bit_compute_dtype or args.torch_dtype or "bfloat16"
    return BitsAndBytesConfig(
        load_in_4bit=True,
        # Computing in float32 would undo the gain; bfloat16 keeps its range.
        bnb_4bit_compute_dtype=_DTYPES["bfloat16" if name == "float32" and not args.bnb_4bit_compute_dtype else name],
        bnb_4bit_quant_type=args.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=args.bnb_4bit_use_double_quant,
    )


def require_quantization(args: Any) -> None:
    """Refuse, before anything is loaded, what this machine cannot quantise. Raises ModelError."""
    if wanted_bits(args) is None:
        return
    missing = []
    if not torch.cuda.is_available():
        missing.append("a CUDA device")
    if importlib.util.find_spec("bitsandbytes") is None:
        missing.append("the bitsandbytes package")
    if missing:
        raise ModelError(
            f"Quantised training needs {' and '.join(missing)}, not found here",
            where="--tuner_type qlora, --quant_method, --quant_bits",
            fix="use --tuner_type lora, or run on a GPU with `pip install bitsandbytes`",
        )
