"""Loading vision-language models, and one LoRA step of each family."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from transformers.utils import is_torchvision_available

from swift_lib.arguments import SftArguments
from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.model import MODEL_MAPPING
from swift_lib.model.loader import get_model_processor, get_processor
from swift_lib.template import get_template
from swift_lib.tuner_plugin.full import FullTuner
from swift_lib.tuner_plugin.lora import LoraTuner
from swift_lib.tuner_plugin.parts import part_of

FAMILIES = {
    "qwen2_vl": "qwen2_vl", "qwen2_5_vl": "qwen2_5_vl", "qwen3_vl": "qwen3_vl", "qwen3_5": "qwen3_5",
    "llava1_5_hf": "llava1_5_hf", "llava_onevision_hf": "llava_onevision_hf", "internvl_hf": "internvl",
    "gemma3_vision": "gemma3_vision",
}  # fmt: skip
SEEN = {
    "messages": [{"role": "user", "content": "<image>Who?"}, {"role": "assistant", "content": "Nobody."}],
    "images": [Image.effect_noise((60, 40), 50).convert("RGB")],
}
READ = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho ho ho, ho ho ho!"}]}


def options(**more: Any) -> SimpleNamespace:
    values = SftArguments(
        model="m", dataset=["d"], lora_rank=2, lora_alpha=4.0, lora_dropout=0.0, gradient_checkpointing=False
    ).to_flat()
    return SimpleNamespace(**{**values, **more})


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(("name", "model_type"), FAMILIES.items())
def test_one_step_trains_the_language_model_and_nothing_else(name: str, model_type: str, vision_model: Any) -> None:
    model, processor = get_model_processor(str(vision_model(name)))
    assert model.model_meta.model_type == processor.tokenizer.model_meta.model_type == model_type
    assert processor.model_info.max_model_len == 2048
    assert processor.model_info.is_multimodal
    keys = model.model_meta.model_arch
    template = get_template(processor, name)
    template.set_mode("train")
    model = LoraTuner.prepare_model(options(), model)
    batch = template.data_collator([template.encode(SEEN), template.encode(READ)])
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    model.train()
    loss = model(**batch).loss
    assert torch.isfinite(loss)
    loss.backward()
    parameters = trained(model)
    torch.optim.SGD(parameters.values(), lr=1.0).step()
    changed = {key for key, value in model.named_parameters() if not torch.equal(value, before[key])}
    assert changed and changed <= set(parameters)
    assert {part_of(key.removeprefix("base_model.model."), keys) for key in parameters} == {"language_model"}
    assert all(".lora_" in key for key in parameters)
    # B starts at zero, so only its gradient is not: every adapter takes part.
    assert all(value.grad is not None and value.grad.any() for key, value in parameters.items() if "lora_B" in key)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_is_seen_alike_alone_and_in_a_padded_batch(name: str, side: str, vision_model: Any) -> None:
    model, processor = get_model_processor(str(vision_model(name)))
    template = get_template(processor, name, padding_side=side)
    template.set_mode("train")
    rows = [template.encode(SEEN), template.encode({**SEEN, "messages": [*READ["messages"], *SEEN["messages"]]})]
    with torch.no_grad():
        together = model.eval()(**template.data_collator(rows)).logits
        for row, logits in zip(rows, together, strict=True):
            alone = model(**template.data_collator([row])).logits[0]
            own = logits[: len(alone)] if side == "right" else logits[-len(alone) :]
            torch.testing.assert_close(own, alone, rtol=1e-4, atol=1e-5)


def test_pixels_change_the_answer(vision_model: Any) -> None:
    model, processor = get_model_processor(str(vision_model("qwen2_5_vl")))
    template = get_template(processor, "qwen2_5_vl")
    asked = {"messages": SEEN["messages"][:1], "images": SEEN["images"]}
    other = {**asked, "images": [Image.new("RGB", (60, 40))]}
    batches = [template.data_collator([template.encode(row)]) for row in (asked, other)]
    assert torch.equal(batches[0]["input_ids"], batches[1]["input_ids"])
    with torch.no_grad():
        one, two = (model(**batch).logits[0, -1] for batch in batches)
    assert not torch.allclose(one, two)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"freeze_vit": False}, {"language_model", "vision_tower"}),
        ({"freeze_aligner": False}, {"language_model", "aligner"}),
        ({"freeze_llm": True, "freeze_aligner": False}, {"aligner"}),
        ({"freeze_llm": True, "freeze_vit": False}, {"vision_tower"}),
        ({"freeze_vit": False, "freeze_aligner": False}, {"language_model", "vision_tower", "aligner"}),
    ],
)
@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl", "llava1_5_hf"])
def test_the_parts_to_train_can_be_chosen(
    name: str, given: dict[str, bool], expected: set[str], vision_model: Any
) -> None:
    for tuner in (LoraTuner, FullTuner):
        model, _ = get_model_processor(str(vision_model(name)))
        keys = model.model_meta.model_arch
        names = trained(tuner.prepare_model(options(**given), model))
        assert {part_of(key.removeprefix("base_model.model."), keys) for key in names} == expected


def test_nothing_left_to_train_is_an_error(vision_model: Any) -> None:
    model, _ = get_model_processor(str(vision_model("qwen2_vl")))
    with pytest.raises(ArgumentError, match="freeze_llm"):
        LoraTuner.prepare_model(options(freeze_llm=True), model)
    with pytest.raises(ArgumentError, match="nothing is left"):
        FullTuner.prepare_model(options(freeze_llm=True), model)


def test_adapters_are_saved_and_merge_into_the_same_answer(vision_model: Any, tmp_path: Path) -> None:
    model, processor = get_model_processor(str(vision_model("qwen2_vl")))
    template = get_template(processor, "qwen2_vl")
    template.set_mode("train")
    batch = template.data_collator([template.encode(SEEN)])
    tuned = LoraTuner.prepare_model(options(), model)
    with torch.no_grad():
        for parameter in trained(tuned).values():
            parameter.normal_(std=0.05)
    LoraTuner.save_pretrained(tuned, str(tmp_path))
    expected = tuned.eval()(**batch).logits
    base, _ = get_model_processor(str(vision_model("qwen2_vl")))
    merged = LoraTuner.from_pretrained(base, str(tmp_path)).merge_and_unload().eval()
    torch.testing.assert_close(merged(**batch).logits, expected, rtol=1e-4, atol=1e-5)


def test_a_folder_without_an_image_processor_is_refused_or_text_only(vision_model: Any, tmp_path: Path) -> None:
    for name in ("qwen2_vl", "qwen3_5"):
        folder = tmp_path / name
        folder.mkdir()
        for path in vision_model(name).iterdir():
            if "processor" not in path.name:
                (folder / path.name).symlink_to(path)
    with pytest.raises(ModelError, match=r"no image processor.*preprocessor_config\.json"):
        get_processor(str(tmp_path / "qwen2_vl"))
    model, tokenizer = get_model_processor(str(tmp_path / "qwen3_5"))
    template = get_template(tokenizer, "qwen3_5")
    template.set_mode("train")
    assert torch.isfinite(model(**template.data_collator([template.encode(READ)])).loss)


def test_an_architecture_that_several_types_have_is_asked_for(vision_model: Any, tmp_path: Path) -> None:
    for path in vision_model("llava1_5_hf").iterdir():
        if path.name != "args.json":
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(ModelError, match=r"llava1_5_hf.*llava_llama3_hf.*--model_type"):
        get_processor(str(tmp_path))
    assert get_processor(str(tmp_path), model_type="llava1_5_hf").image_token == "<image>"


@pytest.mark.skipif(is_torchvision_available(), reason="with torchvision the processor reads videos too")
def test_without_torchvision_the_processor_reads_images_only_and_is_saved_under_its_name(
    vision_model: Any, tmp_path: Path
) -> None:
    processor = get_processor(str(vision_model("qwen2_vl")))
    assert not hasattr(processor, "video_processor")
    processor.save_pretrained(tmp_path)
    assert '"processor_class": "Qwen2VLProcessor"' in (tmp_path / "processor_config.json").read_text()


def test_every_multimodal_type_says_where_its_parts_are() -> None:
    kinds = {name: meta for name, meta in MODEL_MAPPING.items() if meta.is_multimodal}
    assert set(FAMILIES.values()) <= set(kinds)
    assert all(getattr(meta.model_arch, "language_model", None) for meta in kinds.values())
