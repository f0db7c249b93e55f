"""Rows side by side train exactly as rows apart: same loss, same gradient, and no row sees another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

from swift_lib.core.errors import TrainingError
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.artifact_writer import ArtifactWriter
from swift_lib.dataset.packing import PackedDataset, plan_packs
from swift_lib.loss.causal_lm import weighted_cross_entropy
from swift_lib.template.collate import collate
from swift_lib.template.packed import collate_packed, require_isolation
from swift_lib.trainers.hf_arguments import TrainingArguments
from swift_lib.trainers.sft import SftTrainer
from swift_lib.tuner_plugin.mapping import tuners_map

torch.set_num_threads(1)
VOCABULARY = 320
PACK = 96


def _model(tiny_model: Path, attention: str = "sdpa") -> Any:
    model = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation=attention)
    model.config.use_cache = False
    return model


def _rows(folder: Path, kind: str) -> TokenDataset:
    """Rows of unlike length. chat: the second half is trained, with weights; pretrain: every token but the first."""
    random = np.random.RandomState(0)
    with ArtifactWriter(folder) as writer:
        for row_id in range(24):
            length = int(random.randint(4, 60))
            ids = random.randint(3, VOCABULARY, length)
            half = length // 2
            chat = [(half, length - 1, 1.0), (length - 1, length, 0.5)]
            writer.add(row_id, ids, chat if kind == "chat" else [(1, length, 1.0)])
        writer.close()
    return TokenDataset.open(folder)


def _pad(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return collate(rows, pad_token_id=0, padding_side="right")


def _join(packs: Sequence[list[dict[str, Any]]]) -> dict[str, torch.Tensor]:
    return collate_packed([row for pack in packs for row in pack])


def _loss(model: Any, batch: dict[str, torch.Tensor], count: int | None = None) -> torch.Tensor:
    batch = dict(batch)
    labels, scale = batch.pop("labels"), batch.pop("loss_scale", None)
    return weighted_cross_entropy(model(**batch).logits, labels, loss_scale=scale, num_items_in_batch=count)


@pytest.mark.parametrize("kind", ["chat", "pretrain"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_loss_and_gradient_equal_those_of_padded_rows(
    tiny_model: Path, tmp_path: Path, kind: str, attention: str
) -> None:
    rows = _rows(tmp_path, kind)
    packed = PackedDataset(rows, plan_packs(rows.lengths, PACK))
    assert 1 < len(packed) < len(rows)
    count = rows.manifest["dataset"]["trained_tokens"]

    def gradient(batches: list[dict[str, torch.Tensor]]) -> tuple[float, torch.Tensor]:
        model, total = _model(tiny_model, attention), 0.0
        for batch in batches:
            loss = _loss(model, batch, count)
            loss.backward()
            total += float(loss.detach())
        return total, torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    apart = gradient([_pad(rows[begin : begin + 5]) for begin in range(0, len(rows), 5)])
    together = gradient([collate_packed(pack) for pack in packed])
    assert together[0] == pytest.approx(apart[0], abs=1e-5)
    assert torch.allclose(together[1], apart[1], atol=1e-6)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_rows_logits_do_not_change_with_the_rows_beside_it(tiny_model: Path, tmp_path: Path, attention: str) -> None:
    rows = _rows(tmp_path, "chat")
    packed = PackedDataset(rows, plan_packs(rows.lengths, PACK))
    index = max(range(len(packed)), key=lambda i: len(packed[i]))
    batch = collate_packed(packed[index])
    model = _model(tiny_model, attention).eval()
    places = packed.layout(index)
    begin, end = places[1].bounds
    with torch.no_grad():
        before = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"]).logits[0]
        other = batch["input_ids"].clone()
        other[0, begin:end] = (other[0, begin:end] + 7) % VOCABULARY
        after = model(input_ids=other, position_ids=batch["position_ids"]).logits[0]
        alone = model(input_ids=torch.tensor([packed[index][0]["input_ids"]])).logits[0]
    assert torch.equal(before[:begin], after[:begin]) and torch.equal(before[end:], after[end:])
    assert not torch.allclose(before[begin:end], after[begin:end])
    assert torch.allclose(before[: places[0].bounds[1]], alone, atol=1e-5)


def test_a_model_that_keeps_rows_apart_is_accepted_and_left_as_it_was(tiny_model: Path) -> None:
    model = _model(tiny_model).train()
    state = torch.get_rng_state()
    require_isolation(model)
    assert model.training and torch.equal(state, torch.get_rng_state())


def test_a_model_that_mixes_rows_is_refused(tiny_model: Path) -> None:
    """With a cache transformers does not look at the positions; such a model stands for all that do not."""
    model = _model(tiny_model)
    model.config.use_cache = True
    with pytest.raises(TrainingError, match="does not keep packed rows apart"):
        require_isolation(model)


def test_half_precision_is_told_from_mixing() -> None:
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, use_cache=False,
    )  # fmt: skip
    require_isolation(Qwen2ForCausalLM(config).to(torch.bfloat16))


def _trainer(
    tiny_model: Path, folder: Path, data: Any, collator: Any, batch: int, flat: Any = None, **more: Any
) -> SftTrainer:
    arguments = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=batch, per_device_eval_batch_size=batch, report_to=[],
        use_cpu=True, remove_unused_columns=False, max_steps=1, gradient_accumulation_steps=100, learning_rate=0.0,
        logging_steps=1, save_strategy="no", disable_tqdm=True, **more,
    )  # fmt: skip
    arguments.flat = flat or {}
    return SftTrainer(
        model=_model(tiny_model), args=arguments, train_dataset=data, eval_dataset=data, data_collator=collator,
        tuner=tuners_map["full"],
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 3])
def test_training_and_validation_losses_do_not_depend_on_the_batches(
    tiny_model: Path, tmp_path: Path, batch: int
) -> None:
    """One step over all rows, padded, joined and packed: each trained token counts once, whatever it lies beside."""
    rows = _rows(tmp_path / "rows", "chat")
    packed = PackedDataset(rows, plan_packs(rows.lengths, PACK))
    seen = {}
    for name, (data, collator) in {
        "padded": (rows, _pad), "joined": (rows, collate_packed), "packed": (packed, _join)
    }.items():  # fmt: skip
        trainer = _trainer(tiny_model, tmp_path / name, data, collator, batch)
        trained = trainer.train().training_loss
        seen[name] = (trained, trainer.evaluate()["eval_loss"])
    model = _model(tiny_model).eval()
    with torch.no_grad():
        expected = float(_loss(model, _pad(rows[:])))
    for losses in seen.values():
        assert losses == pytest.approx((expected, expected), abs=1e-5)


def test_rows_and_packs_come_in_their_order_where_that_is_asked_for(tiny_model: Path, tmp_path: Path) -> None:
    rows = _rows(tmp_path / "rows", "chat")
    packed = PackedDataset(rows, plan_packs(rows.lengths, PACK, strategy="sequential"))
    in_order = [row["row_id"] for row in rows]
    options = {"train_sampling_strategy": "sequential"}
    padded = _trainer(
        tiny_model, tmp_path / "padded", rows, lambda batch: [row["row_id"] for row in batch], 2, **options
    )
    assert [row_id for batch in padded.get_train_dataloader() for row_id in batch] == in_order
    packs = _trainer(tiny_model, tmp_path / "packs", packed, lambda batch: batch, 1, **options)
    assert [row["row_id"] for [pack] in packs.get_train_dataloader() for row in pack] == in_order


@pytest.mark.parametrize("named", [None, "cross_entropy"])
def test_the_loss_without_logits_is_the_loss_from_them(tiny_model: Path, tmp_path: Path, named: str | None) -> None:
    rows, seen = _rows(tmp_path / "rows", "chat"), {}
    for keep in (None, False):
        trainer = _trainer(
            tiny_model, tmp_path / str(keep), rows, _pad, 4, flat={"use_logits_to_keep": keep, "loss_type": named}
        )
        trainer.train()
        seen[keep] = next(entry for entry in trainer.state.log_history if "loss" in entry)
    for name in ("loss", "grad_norm", "token_acc"):
        assert seen[None][name] == pytest.approx(seen[False][name], rel=1e-4), name
    assert 0 <= seen[None]["token_acc"] < 0.2
