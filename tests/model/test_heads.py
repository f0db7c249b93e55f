"""Models for tasks: which class, which head, and how a new one begins."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ModelError
from swift_lib.model import get_model_processor, get_processor
from swift_lib.model.heads import pooling
from swift_lib.model.mapping import MODEL_MAPPING
from swift_lib.model.tasks import Task, resolve_task

IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 256, 256]])  # 256 is the pad token
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


@pytest.mark.parametrize(
    ("asked", "saved", "config", "task"),
    [
        ((None, None, None), {}, {}, Task()),
        ((None, 3, None), {}, {}, Task("seq_cls", 3)),
        (("seq_cls", 1, None), {}, {}, Task("seq_cls", 1, "regression")),
        (("prm", None, None), {}, {}, Task("prm", 2)),
        (("reranker", None, None), {}, {}, Task("reranker", 1)),
        (("prm", 3, None), {}, {}, Task("prm", 3)),
        ((None, None, None), {"task_type": "embedding"}, {}, Task("embedding")),
        (
            (None, None, None),
            {"task_type": "seq_cls", "num_labels": 4, "problem_type": "multi_label_classification"},
            {"architectures": ["Qwen2ForSequenceClassification"]},
            Task("seq_cls", 4, "multi_label_classification"),
        ),
        (("causal_lm", None, None), {"task_type": "seq_cls", "num_labels": 4}, {}, Task()),
        (
            (None, None, None),
            {},
            {"architectures": ["Qwen2ForSequenceClassification"], "id2label": {"0": "a", "1": "b", "2": "c"}},
            Task("seq_cls", 3),
        ),
        ((None, None, None), {}, {"architectures": ["Qwen2ForSequenceClassification"]}, Task("seq_cls", 2)),
    ],
)
def test_the_task_is_what_is_asked_for_else_what_the_files_say(asked: Any, saved: Any, config: Any, task: Task) -> None:
    assert resolve_task(MODEL_MAPPING["qwen2"], config, saved, asked) == task


@pytest.mark.parametrize(
    ("asked", "message"), [(("reranker", 2, None), "one score, not 2"), (("embedding", 2, None), "has no classes")]
)
def test_a_number_of_classes_that_means_nothing_is_refused(asked: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        resolve_task(MODEL_MAPPING["qwen2"], {}, {}, asked)


def test_a_type_that_was_made_for_a_task_is_loaded_for_it() -> None:
    assert resolve_task(MODEL_MAPPING["qwen3_emb"], {}, {}, (None, None, None)) == Task("embedding")


@pytest.mark.parametrize("options", [{"num_labels": 3}, {"task_type": "prm"}, {"task_type": "reranker"}])
def test_a_new_head_begins_the_same_whatever_was_drawn_before(options: dict[str, Any], tiny_model: Path) -> None:
    heads = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model, _ = get_model_processor(str(tiny_model), **options)
        heads.append(model.score.weight)
    assert torch.equal(*heads)
    assert 0.01 < float(heads[0].detach().std()) < 0.04, "as the model's initializer_range says"


def test_a_saved_classifier_is_loaded_as_it_was(tiny_model: Path, tmp_path: Path) -> None:
    model, tokenizer = get_model_processor(str(tiny_model), num_labels=3)
    with torch.no_grad():
        model.score.weight.fill_(0.5)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "args.json").write_text('{"model_type": "qwen2", "template": "qwen"}')
    again, processor = get_model_processor(str(tmp_path))
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["Qwen2ForSequenceClassification"]
    assert (processor.model_info.task_type, processor.model_info.num_labels) == ("seq_cls", 3)
    assert torch.equal(again.score.weight, model.score.weight)
    with pytest.raises(ModelError, match="does not have 2 outputs"):
        get_model_processor(str(tmp_path), num_labels=2)
    with pytest.raises(ModelError, match="another head"):
        get_model_processor(str(tmp_path), task_type="embedding")


@torch.no_grad()
def test_the_tokens_that_are_judged_can_be_told(tiny_model: Path) -> None:
    model, _ = get_model_processor(str(tiny_model), num_labels=3)
    model.eval()
    told = model(input_ids=IDS, attention_mask=MASK, last_tokens=torch.tensor([3, 5])).logits
    assert torch.allclose(told, model(input_ids=IDS, attention_mask=MASK).logits, atol=1e-6)
    ends_with_pad = model(input_ids=IDS, attention_mask=torch.ones_like(MASK), last_tokens=torch.tensor([3, 7])).logits
    assert not torch.allclose(ends_with_pad[1], told[1], atol=1e-3), "a pad token may be a text's last token"


def test_an_embedding_model_has_no_head(tiny_model: Path) -> None:
    model, _ = get_model_processor(str(tiny_model), task_type="embedding")
    assert type(model).__name__ == "Qwen2Model" and model.pooling == "last"


def test_classes_must_be_counted(tiny_model: Path) -> None:
    with pytest.raises(ModelError, match="--num_labels"):
        get_model_processor(str(tiny_model), task_type="seq_cls")
    assert get_processor(str(tiny_model), task_type="seq_cls").model_info.num_labels is None


def test_a_model_that_transformers_has_no_classifier_for_is_refused(tmp_path: Path, vision_model: Any) -> None:
    with pytest.raises(ModelError, match="no class for seq_cls with Qwen2VLConfig"):
        get_model_processor(str(vision_model("qwen2_vl")), num_labels=2)


def test_weights_that_miss_more_than_a_head_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3, "layer_types": None}))
    with pytest.raises(ModelError, match="are missing"):
        get_model_processor(str(folder), num_labels=2)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "first"),
        ({"pooling_mode_lasttoken": True, "word_embedding_dimension": 64}, "last"),
        ({"pooling_mode_mean_tokens": True}, None),
    ],
)
def test_the_folder_says_which_token_embeds(stated: Any, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(stated))
    if expected:
        assert pooling(tmp_path, None) == expected
    else:
        with pytest.raises(ModelError, match="embeddings by pooling_mode_mean_tokens are not supported"):
            pooling(tmp_path, None)
