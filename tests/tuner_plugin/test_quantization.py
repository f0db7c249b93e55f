from types import SimpleNamespace
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ModelError
from swift_lib.tuner_plugin.quantization import quantization_config, require_quantization


def options(**more: Any) -> SimpleNamespace:
    values = {
        "tuner_type": "qlora", "quant_method": None, "quant_bits": None, "torch_dtype": None,
        "bnb_4bit_compute_dtype": None, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True,
    }  # fmt: skip
    return SimpleNamespace(**{**values, **more})


def test_qlora_is_four_bits_of_nf4_quantised_twice() -> None:
    config = quantization_config(options())
    assert config is not None and config.load_in_4bit and not config.load_in_8bit
    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)
    assert config.bnb_4bit_compute_dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"torch_dtype": "float16"}, torch.float16),
        ({"torch_dtype": "float32"}, torch.bfloat16),
        ({"bnb_4bit_compute_dtype": "float32"}, torch.float32),
    ],
)
def test_computation_follows_the_dtype_but_not_into_float32_unasked(given: dict[str, str], expected: Any) -> None:
    config = quantization_config(options(**given))
    assert config is not None and config.bnb_4bit_compute_dtype == expected


def test_eight_bits_where_asked() -> None:
    config = quantization_config(options(quant_bits=8))
    assert config is not None and config.load_in_8bit and not config.load_in_4bit


def test_plain_lora_quantises_nothing() -> None:
    plain = options(tuner_type="lora")
    assert quantization_config(plain) is None
    require_quantization(plain)


def test_a_quantised_base_counts_for_lora_too() -> None:
    config = quantization_config(options(tuner_type="lora", quant_method="bnb"))
    assert config is not None and config.load_in_4bit


@pytest.mark.skipif(torch.cuda.is_available(), reason="refused only where there is no CUDA device")
def test_one_line_says_what_is_missing() -> None:
    with pytest.raises(ModelError, match="Quantised training needs a CUDA device") as caught:
        require_quantization(options())
    assert "--tuner_type lora" in caught.value.fix
