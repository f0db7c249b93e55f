"""What training and validation tell of tokens beside the loss."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM

from swift_lib.core.errors import TrainingError
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.artifact_writer import ArtifactWriter
from swift_lib.dataset.encoded import EncodedSequence, Example
from swift_lib.dataset.packing import PackedDataset, plan_packs
from swift_lib.loss.base import BaseLoss
from swift_lib.loss.causal_lm import per_token_loss_func
from swift_lib.loss.mapping import loss_map
from swift_lib.template.collate import collate, kept_columns
from swift_lib.template.packed import collate_packed
from swift_lib.trainers.extensions import Extensions
from swift_lib.trainers.hf_arguments import TrainingArguments
from swift_lib.trainers.sft import SftTrainer
from swift_lib.tuner_plugin.mapping import tuners_map

torch.set_num_threads(1)
SHAPE = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "use_cache": False, "pad_token_id": 0,
}  # fmt: skip
CHANNELS = ["a", "b", None]

NAMELESS = Extensions()

Train = Callable[..., list[dict[str, float]]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> TokenDataset:
    """Twelve rows of unlike length and three channels, half of each trained, the last token with half its weight."""
    random = np.random.RandomState(0)
    folder = tmp_path_factory.mktemp("rows")
    with ArtifactWriter(folder) as writer:
        for row_id in range(12):
            length = int(random.randint(4, 12))
            half = length // 2
            spans = [(half, length - 1, 1.0), (length - 1, length, 0.5)]
            sequence = EncodedSequence(random.randint(3, 40, length).astype(np.int32), spans)
            writer.add_example(row_id, Example([sequence], channel=CHANNELS[row_id % 3]))
        writer.close()
    return TokenDataset.open(folder)


def pad(batch: Sequence[Any]) -> dict[str, Any]:
    return {**collate(batch, pad_token_id=0, padding_side="right"), **kept_columns(batch)}


def join(packs: Sequence[list[Any]]) -> dict[str, Any]:
    batch = [row for pack in packs for row in pack]
    return {**collate_packed(batch), **kept_columns(batch)}


@pytest.fixture()
def train(rows: TokenDataset, tmp_path: Path) -> Train:
    """Train a tiny model, evaluate, and give what was logged."""

    def run(
        model: Any = None, packed: bool = False, steps: int = 1, names: Extensions = NAMELESS, rate: float = 0.0,
        more: dict[str, Any] | None = None, batch: int = 12, **flat: Any,
    ) -> list[dict[str, float]]:  # fmt: skip
        data: Any = PackedDataset(rows, plan_packs(rows.lengths, 24)) if packed else rows
        arguments = TrainingArguments(
            output_dir=str(tmp_path), per_device_train_batch_size=batch, per_device_eval_batch_size=2, report_to=[],
            use_cpu=True, remove_unused_columns=False, max_steps=steps, learning_rate=rate, logging_steps=1,
            save_strategy="no", eval_strategy="steps", eval_steps=steps, disable_tqdm=True, weight_decay=0.0,
            **(more or {}),
        )  # fmt: skip
        arguments.flat = flat
        torch.manual_seed(0)
        trainer = SftTrainer(
            model=model or Qwen2ForCausalLM(Qwen2Config(**SHAPE)), args=arguments, train_dataset=data,
            eval_dataset=data, data_collator=join if packed else pad, tuner=tuners_map["full"], extensions=names,
        )  # fmt: skip
        trainer.train()
        return trainer.state.log_history

    return run


def having(records: list[dict[str, float]], key: str) -> dict[str, float]:
    return next(record for record in records if key in record)


@pytest.mark.parametrize("flat", [{}, {"enable_dft_loss": True}, {"use_logits_to_keep": False}])
def test_channels_losses_make_up_the_loss(train: Train, rows: TokenDataset, flat: dict[str, Any]) -> None:
    """Each weighs as many tokens as it trains, in training and validation, in one batch, in several and packed."""
    tokens = {
        name: sum(sum(label != -100 for label in row["labels"]) for row in rows if row.get("channel") == name)
        for name in CHANNELS
    }
    seen = []
    for options in ({}, {"packed": True}):
        records = train(enable_channel_loss=True, **options, **flat)
        for prefix in ("", "eval_"):
            found = having(records, f"{prefix}loss")
            losses = {name: found[f"{prefix}loss_{name or 'none'}"] for name in CHANNELS}
            mean = sum(losses[name] * tokens[name] for name in CHANNELS) / sum(tokens.values())
            assert mean == pytest.approx(found[f"{prefix}loss"], abs=1e-4)
            assert len(set(losses.values())) == 3
            seen.append(losses)
    assert all(losses == pytest.approx(seen[0], abs=1e-4) for losses in seen)


def test_channels_are_told_only_where_asked_for(train: Train) -> None:
    assert not any(key.startswith("loss_") for record in train() for key in record)


def test_a_loss_of_ones_own_has_channels_and_accuracy_too(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    class Same(BaseLoss):
        def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
            return (per_token_loss_func(outputs, labels) * kwargs["loss_scale"]).sum() / kwargs["num_items_in_batch"]

    monkeypatch.setattr(loss_map, "_entries", dict(loss_map._entries))
    loss_map["same"] = Same
    built_in, own = (train(enable_channel_loss=True, names=names) for names in (NAMELESS, Extensions(loss="same")))
    for key in ("loss", "loss_a", "loss_b", "loss_none", "token_acc", "grad_norm", "eval_loss", "eval_loss_a"):
        assert having(own, key)[key] == pytest.approx(having(built_in, key)[key], rel=1e-4), key


@pytest.mark.parametrize("packed", [False, True])
def test_whole_rows_are_counted_in_batches_and_packs(train: Train, rows: TokenDataset, packed: bool) -> None:
    """After some steps a part of the twelve rows is right; how many is what a pass over the rows one by one says."""
    model = Qwen2ForCausalLM(Qwen2Config(**SHAPE))
    records = train(
        model, packed, steps=30, rate=1e-2, names=Extensions(metric="acc"), acc_strategy="seq",
        batch=2 if packed else 12, more={"metric_for_best_model": "seq_acc"},
    )  # fmt: skip
    right = 0
    with torch.no_grad():
        for row in rows:
            predicted = model(input_ids=torch.tensor([row["input_ids"]])).logits[0].argmax(-1).tolist()
            pairs = zip(predicted, row["labels"][1:], strict=False)
            right += all(one == label for one, label in pairs if label != -100)
    assert having(records, "eval_seq_acc")["eval_seq_acc"] == pytest.approx(right / 12)
    assert right > 0


def test_the_metric_acc_keeps_no_predictions(train: Train) -> None:
    """Tokens are counted while the loss is computed, which makes no logits."""
    records = train(names=Extensions(metric="acc"), acc_strategy="token", more={"metric_for_best_model": "token_acc"})
    assert 0 <= having(records, "eval_token_acc")["eval_token_acc"] < 0.5


def mixture() -> Any:
    config = Qwen3MoeConfig(**SHAPE, moe_intermediate_size=16, head_dim=16, num_experts=8, num_experts_per_tok=2)
    torch.manual_seed(0)
    model = Qwen3MoeForCausalLM(config)
    model.model.layers[0].mlp.gate.weight.data.mul_(30)  # far from balance
    return model


def test_a_dense_model_has_no_balance_loss(train: Train) -> None:
    with pytest.raises(TrainingError, match=r"qwen2 is no mixture of experts.*--router_aux_loss_coef.*leave it out"):
        train(router_aux_loss_coef=0.01)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_balance_of_experts_is_trained(train: Train, checkpointing: bool) -> None:
    """With a coefficient that outweighs the tokens it falls to its least, the number of experts of a token."""
    more = {"gradient_checkpointing": checkpointing}
    records = train(mixture(), steps=50, rate=1e-2, router_aux_loss_coef=10.0, more=more)
    values = [record["aux_loss"] for record in records if "aux_loss" in record]
    assert values[-1] - 2 < 0.5 * (values[0] - 2)


def test_accumulated_batches_add_the_balance_loss_once(train: Train) -> None:
    """As one batch does, but for what lies in different batches; without it the loss is that of the tokens."""
    plain = having(train(mixture()), "loss")["loss"]
    records = train(mixture(), router_aux_loss_coef=1.0, batch=3, more={"gradient_accumulation_steps": 4})
    found = having(records, "aux_loss")
    assert found["loss"] == pytest.approx(plain + found["aux_loss"], abs=0.1)
    assert "aux_loss" not in having(train(mixture()), "loss")
