"""What cannot work is refused before anything is loaded, in one line that says what to do."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.arguments.tuner import TunerArguments
from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.pipelines.sft import sft_main


@pytest.fixture()
def refused(tmp_path: Path) -> Any:
    """Train a model that does not exist, and return what is said before anybody looks for it."""

    def run(**more: Any) -> str:
        with pytest.raises((ArgumentError, ModelError)) as caught:
            sft_main({"model": "no/such-model", "dataset": ["no.jsonl"], "output_dir": str(tmp_path / "out"), **more})
        assert "no/such-model" not in str(caught.value)
        assert not (tmp_path / "out").exists()
        return str(caught.value)

    return run


ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"init_weights": "lora-ga"}, "--init_weights: lora-ga computes the start from gradients or activations"),
    ({"init_weights": "eva"}, "--init_weights: eva computes the start from gradients or activations"),
    ({"init_weights": "loftq"}, "--init_weights: loftq trains beside a base that it quantises by its own rule"),
    ({"init_weights": "pisa"}, "--init_weights: must be one of true, false, gaussian, orthogonal, pissa"),
    ({"init_weights": "pissa", "quant_bits": 4}, "which must not be quantised"),
    ({"tuner_type": "bone", "init_weights": "pissa"}, "--init_weights: must be one of true, bat, got 'pissa'"),
    ({"tuner_type": "vera", "quant_bits": 8}, "vera needs the weights as they are; a quantised base is for qlora"),
    ({"tuner_type": "full", "quant_bits": 8}, "quantised weights cannot be trained in full"),
    ({"tuner_type": "boft", "boft_block_num": 2}, "--boft_block_size: give it or --boft_block_num, and 0 for"),
    ({"tuner_type": "llamapro", "llamapro_num_groups": 3}, "3 groups cannot share 4 new blocks equally"),
    ({"freeze_parameters_ratio": 0.5}, "--freeze_parameters_ratio: is for --tuner_type full; lora has no use for it"),
    ({"trainable_parameters": ["a"]}, "--trainable_parameters: is for --tuner_type full"),
    ({"vera_rank": 8}, "--vera_rank: is for --tuner_type vera; lora has no use for it"),
    ({"tuner_type": "ia3", "use_dora": True}, "--use_dora: is for --tuner_type lora, qlora, longlora, lora_llm"),
    ({"tuner_type": "full", "freeze_parameters_regex": "("}, "--freeze_parameters_regex: not a regular expression"),
    ({"tuner_type": "longlora", "attn_impl": "eager"}, "longlora brings its own attention"),
    ({"adapters": ["a", "b"]}, "--adapters: training goes on from one"),
    ({"tuner_type": "full", "adapters": ["a"]}, "--adapters: --tuner_type full trains the weights"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), ARGUMENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_arguments(given: dict[str, Any], message: str, refused: Any) -> None:
    assert message in refused(**given)


@pytest.mark.skipif(torch.cuda.is_available(), reason="refused only where there is no CUDA device")
def test_butterflies_need_cuda(refused: Any) -> None:
    assert "more than 1 runs in a CUDA kernel" in refused(tuner_type="boft", boft_n_butterfly_factor=2)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"adapter_config.json": {"peft_type": "IA3"}}, "The adapter is of type ia3, and is to be trained as lora"),
        ({"adapter_config.json": {"peft_type": "LOHA"}}, "The adapter is of type LOHA, which is not trained here"),
        ({"args.json": {"tuner_type": "mine"}}, "The adapter was made with the tuner 'mine', which is not known here"),
        ({}, "there is no adapter"),
    ],
)
def test_adapters_that_training_cannot_go_on_from(
    files: dict[str, Any], message: str, refused: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    assert message in refused(adapters=[str(folder)])


def test_an_option_that_says_the_default_is_no_mistake() -> None:
    """Forms give every parameter a value."""
    args = TunerArguments(vera_rank=256, adapter_act="gelu", reft_layers=[], init_weights="true")
    assert list(args.problems()) == []


def test_what_the_page_shows_is_what_is_said(refused: Any) -> None:
    """Commands that fail, in docs/tuners.md, each with the line below it."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "tuners.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$ swift sft \.\.\. (.*)\n(--.*)$", text, re.MULTILINE)
    assert len(shown) >= 6
    for words, line in shown:
        if "butterfly" in words and torch.cuda.is_available():
            continue
        given = dict(zip((words := shlex.split(words))[::2], words[1::2], strict=True))
        assert line in refused(**{name.removeprefix("--"): value for name, value in given.items()})
