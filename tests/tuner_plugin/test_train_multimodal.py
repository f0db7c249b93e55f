"""Training of vision-language models: which of language model, vision tower and aligner move."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.model.loader import get_model_processor
from swift_lib.pipelines.export import export_main
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.tuner_plugin.calling import load_adapter
from swift_lib.tuner_plugin.lora_llm import VIT

NAME = "qwen2_5_vl"
LLM, VISION, ALIGNER = "model.language_model.", "model.visual.", "model.visual.merger."


@pytest.fixture(scope="module")
def tokens(vision_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Eight rows with a picture each, and an answer that begins with the letter."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(8):
        Image.effect_noise((30, 30), 60 + number).convert("RGB").save(folder / f"{number}.png")

    @functools.cache
    def make(letter: str) -> Path:
        rows = folder / f"{letter}.jsonl"
        talks = [
            [{"role": "user", "content": "<image>Name?"}, {"role": "assistant", "content": f"{letter}{number % 2}"}]
            for number in range(8)
        ]
        lines = [{"messages": talk, "images": [f"{number}.png"]} for number, talk in enumerate(talks)]
        rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        options = {"model": str(vision_model(NAME)), "template": NAME, "dataset": [str(rows)], "track_uri": "none"}
        return Path(preprocess_main({**options, "output_dir": str(folder / letter)}).output_dir)

    return make


@pytest.fixture()
def train(learning: Any, vision_model: Any, tokens: Callable[[str], Path], tmp_path: Path) -> Callable[..., Any]:
    def run(folder: str = "out", model: str = "", letter: str = "N", **more: Any) -> Any:
        given = learning.flags(model or vision_model(NAME), "", tmp_path / folder, lr_scheduler_type="constant", **more)
        del given["dataset"]
        return learning.learn({**given, "template": NAME, "cached_dataset": str(tokens(letter))})

    return run


def parts(names: set[str]) -> set[str]:
    """Which parts these parameters belong to."""
    plain = {name.removeprefix("base_model.model.") for name in names}
    found = {ALIGNER if name.startswith(ALIGNER) else VISION for name in plain if name.startswith(VISION)}
    return found | ({LLM} if any(name.startswith(LLM) for name in plain) else set())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, {LLM}),
        ({"freeze_llm": True, "freeze_vit": False}, {VISION}),
        ({"freeze_llm": True, "freeze_aligner": False}, {ALIGNER}),
    ],
    ids=["llm", "vit", "aligner"],
)
@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_only_parts_that_are_not_frozen_move(
    tuner: str, flags: dict[str, Any], expected: set[str], train: Callable[..., Any]
) -> None:
    run = train(tuner_type=tuner, max_steps=3, **flags)
    assert parts(run.changed) == expected
    assert (tuner == "lora") == all(".lora_" in name for name in run.changed)


def test_a_name_of_modules_means_those_of_the_parts_that_are_trained(train: Callable[..., Any]) -> None:
    """The vision tower has layers called down_proj as well."""
    run = train(tuner_type="lora", target_modules=["down_proj"], max_steps=1)
    assert parts(run.changed) == {LLM}
    with pytest.raises(ArgumentError, match="every 'q_proj' is in a part that freeze_"):
        train("other", tuner_type="lora", target_modules=["q_proj"], freeze_llm=True, freeze_vit=False)


def test_lora_llm(train: Callable[..., Any], tmp_path: Path) -> None:
    """Adapters in the language model, everything else in full; read back and merged as it was."""
    known = train("known").result.final
    run = train(model=known, letter="K", tuner_type="lora_llm", lora_dropout=0.0)
    run.require_learned()
    assert parts(run.changed) == {LLM, VISION, ALIGNER}
    plain = {name.removeprefix("base_model.model.") for name in run.changed}
    assert all((".lora_" in name) == name.startswith(LLM) for name in plain)
    stored = load_file(Path(run.result.final) / VIT)
    assert parts(set(stored)) == {VISION, ALIGNER}
    assert {name for name in plain if not name.startswith(LLM)} <= set(stored)
    ends = run.model.state_dict()
    base, _ = get_model_processor(known)
    loaded = load_adapter(base, run.result.final).state_dict()
    assert [name for name, value in ends.items() if not torch.equal(value, loaded[name])] == []
    options = {"model": known, "template": NAME, "adapters": [run.result.final], "merge_lora": True}
    export_main({**options, "output_dir": str(tmp_path / "merged"), "track_uri": "none"})
    merged = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged")
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        torch.testing.assert_close(merged.eval()(ids).logits, run.model.eval()(ids).logits, atol=1e-4, rtol=0)
    named = merged.state_dict()
    assert [name for name, value in stored.items() if not torch.equal(value, named[name])] == []


def test_lora_llm_is_for_multimodal_models(learn: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match="lora_llm trains the vision tower of a multimodal model"):
        learn(tuner_type="lora_llm")
