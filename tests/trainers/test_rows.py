"""Classifiers, embeddings, rerankers and process rewards: the same loss padded, packed, and in parts of a batch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.packing import PackedDataset, plan_packs
from swift_lib.model import get_model_processor
from swift_lib.pipelines import tasks
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.template.choose import get_template
from swift_lib.trainers.extensions import Extensions
from swift_lib.trainers.hf_arguments import TrainingArguments
from swift_lib.trainers.mapping import trainers_map
from swift_lib.tuner_plugin.mapping import tuners_map

torch.set_num_threads(1)
PACK = 400
Row = dict[str, Any]
ASKED = [{"role": "user", "content": "one two"}]


def said(text: str, role: str = "user") -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def rows_of(task: str) -> list[Row]:
    """Rows of unlike length."""
    rows = []
    for i in range(20):
        text = "word " * (1 + i % 7)
        row: Row = {"messages": said(text)}
        if task == "one class":
            row["label"] = i % 3
        elif task == "several classes":
            row["label"] = [at for at in range(3) if (i >> at) & 1]
        elif task == "number":
            row["label"] = i / 20
        elif task == "pairs":
            row |= {"positive_messages": [said(f"{text} too")], "label": float(i % 2)}
        elif task == "texts":
            negatives = [said(f"other {i} {k}") for k in range(2)]
            row |= {"positive_messages": [said(f"{text} too")], "negative_messages": negatives}
        elif task == "documents":
            others = [said(f"other {i} {k}", "assistant") for k in range(3)]
            row |= {"positive_messages": [said(f"{text} too", "assistant")], "negative_messages": others}
        else:
            steps = "\n\n".join(f"step {k} {text}" for k in range(1 + i % 3))
            row = {"messages": [*ASKED, *said(steps, "assistant")], "label": [k % 2 for k in range(1 + i % 3)]}
        rows.append(row)
    return rows


CASES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "one class": ("seq_cls", {"num_labels": 3, "problem_type": "single_label_classification"}, None),
    "several classes": ("seq_cls", {"num_labels": 3, "problem_type": "multi_label_classification"}, None),
    "number": ("seq_cls", {"num_labels": 1, "problem_type": "regression"}, None),
    "pairs": ("embedding", {}, "cosine_similarity"),
    "texts": ("embedding", {}, "infonce"),
    "documents": ("reranker", {}, "listwise_reranker"),
    "pointwise": ("reranker", {}, "pointwise_reranker"),
    "yes or no": ("generative_reranker", {}, "pointwise_reranker"),
    "steps": ("prm", {}, None),
}
KIND = {"pointwise": "documents", "yes or no": "documents"}


@pytest.fixture(scope="module")
def data(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TokenDataset]:
    """The token dataset of a case, made once."""
    made: dict[str, TokenDataset] = {}

    def get(case: str) -> TokenDataset:
        if case not in made:
            folder = tmp_path_factory.mktemp("rows")
            task, options, _ = CASES[case]
            (folder / "rows.json").write_text(json.dumps(rows_of(KIND.get(case, case))))
            preprocess_main(
                {
                    "model": str(tiny_model), "dataset": [str(folder / "rows.json")], "template": "chatml",
                    "output_dir": str(folder / "out"), "task_type": task, "track_uri": "none", **options,
                }
            )  # fmt: skip
            made[case] = TokenDataset.open(folder / "out" / "train")
        return made[case]

    return get


def trainer_of(
    case: str, tiny_model: Path, rows: TokenDataset, folder: Path, *, packed: bool = False, batch: int = 4, **more: Any
) -> Any:
    task, options, loss = CASES[case]
    torch.manual_seed(0)
    model, processor = get_model_processor(str(tiny_model), task_type=task, **options)
    model.config.use_cache = False
    template = get_template(processor, "chatml")
    template.set_mode("train")
    tasks.prepare_template(template)
    data: Any = rows
    if packed:
        template.padding_free = True
        data = PackedDataset(rows, plan_packs(rows.lengths, PACK))
        assert 1 < len(data) < len(rows)
    arguments = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=batch, per_device_eval_batch_size=batch, report_to=[],
        use_cpu=True, remove_unused_columns=False, max_steps=1, gradient_accumulation_steps=50, learning_rate=0.0,
        logging_steps=1, save_strategy="no", disable_tqdm=True, data_seed=42, **more,
    )  # fmt: skip
    extra = {"answers": (10, 11)} if task == "generative_reranker" else {}
    return trainers_map[task](
        model=model, args=arguments, train_dataset=data, eval_dataset=data, template=template,
        data_collator=tasks.collator(template, model), tuner=tuners_map["full"], extensions=Extensions(loss), **extra,
    )  # fmt: skip


def figures(trainer: Any) -> tuple[float, float]:
    """The loss of one step over all rows, as its parts add up, and that of the validation."""
    batches = list(trainer.get_train_dataloader())
    items = trainer._get_num_items_in_batch(batches, torch.device("cpu"))
    model = trainer.model.train()
    with torch.no_grad():
        parts = [float(trainer.compute_loss(model, batch, num_items_in_batch=items)) for batch in batches]
    return sum(parts), trainer.evaluate()["eval_loss"]


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("texts", "yes or no")])
def test_the_loss_does_not_depend_on_batches_padding_or_packs(
    case: str, tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    rows = data(case)
    found = {
        "whole": figures(trainer_of(case, tiny_model, rows, tmp_path / "a", batch=len(rows))),
        "parts": figures(trainer_of(case, tiny_model, rows, tmp_path / "b", batch=3)),
        "packed": figures(trainer_of(case, tiny_model, rows, tmp_path / "c", packed=True, batch=1)),
    }
    for losses in found.values():
        assert losses == pytest.approx(found["whole"], abs=1e-5), found


@pytest.mark.parametrize("case", ["texts", "yes or no"])
def test_a_batch_has_the_same_loss_padded_and_packed(
    case: str, tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    """InfoNCE compares what is in a batch, so only whole batches can be compared."""
    rows = data(case)
    padded = figures(trainer_of(case, tiny_model, rows, tmp_path / "a", batch=len(rows)))
    packed = figures(trainer_of(case, tiny_model, rows, tmp_path / "b", packed=True, batch=len(rows)))
    assert packed == pytest.approx(padded, abs=1e-5)


def test_a_step_is_the_mean_over_its_accumulated_batches(
    tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    losses = [
        trainer_of("one class", tiny_model, data("one class"), tmp_path, batch=batch).train().training_loss
        for batch in (20, 3)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@torch.no_grad()
def test_a_classifiers_losses_are_those_of_transformers(
    tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    functions = {
        "one class": lambda logits, labels: cross_entropy(logits, torch.tensor(labels)),
        "several classes": lambda logits, labels: binary_cross_entropy_with_logits(
            logits, torch.tensor([[float(at in label) for at in range(3)] for label in labels])
        ),
        "number": lambda logits, labels: mse_loss(logits.squeeze(-1), torch.tensor(labels)),
    }
    for case, function in functions.items():
        rows = data(case)
        trainer = trainer_of(case, tiny_model, rows, tmp_path / case)
        model = trainer.model.eval()
        logits = torch.cat([model(input_ids=torch.tensor([row["input_ids"]])).logits for row in rows])
        expected = float(function(logits, [row["labels"] for row in rows]))
        assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, abs=1e-5), case


@pytest.mark.parametrize("case", ["one class", "pairs", "texts", "documents", "steps"])
def test_a_process_without_a_row_counts_nowhere(
    case: str, tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    rows = data(case)
    trainer = trainer_of(case, tiny_model, rows, tmp_path)
    loader = trainer.get_train_dataloader()
    batch = loader.collate_fn([~0])
    assert int(trainer.items(batch)) == 0
    loss = trainer.compute_loss(trainer.model.train(), batch, num_items_in_batch=torch.tensor(5.0))
    loss.backward()
    gradients = [parameter.grad for parameter in trainer.model.parameters() if parameter.requires_grad]
    assert float(loss.detach()) == 0.0
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def chosen(trainer: Any, epoch: int, workers: int = 0) -> list[tuple[int, ...]]:
    trainer.args.dataloader_num_workers = workers
    loader = trainer.get_train_dataloader()
    loader.set_epoch(epoch)
    return [tuple(row.tolist()) for batch in loader for row in batch["input_ids"]]


def test_which_documents_are_drawn_follows_from_seed_epoch_and_row(
    tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    options = {"train_sampling_strategy": "sequential"}

    def drawn(epoch: int, batch: int = 4, workers: int = 0, **more: Any) -> set[tuple[int, ...]]:
        trainer = trainer_of("documents", tiny_model, data("documents"), tmp_path, batch=batch, **options, **more)
        trainer._documents = (1, 1)
        # Without the padding, which depends on what else is in a batch.
        return {tuple(i for i in ids if i != 256) for ids in chosen(trainer, epoch, workers)}

    first = drawn(0)
    assert first == drawn(0, batch=7) == drawn(0, workers=2)
    assert first != drawn(1)
    assert len(first) == 7 + 20, "of each row the document that fits, seven different ones, and one that does not"


def test_all_documents_are_validated(tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path) -> None:
    trainer = trainer_of("documents", tiny_model, data("documents"), tmp_path)
    trainer._documents = (1, 1)
    labels = torch.cat([batch["labels"] for batch in trainer.get_eval_dataloader()]).tolist()
    assert labels == [1, 0, 0, 0] * 20


def test_evaluation_keeps_every_prediction(
    tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    seen: list[tuple[Any, Any]] = []

    def compute(prediction: Any) -> dict[str, float]:
        seen.append((prediction.predictions, prediction.label_ids))
        return {"rows": float(len(prediction.label_ids))}

    trainer = trainer_of("one class", tiny_model, data("one class"), tmp_path, batch=3)
    trainer.compute_metrics = compute
    assert trainer.evaluate()["eval_rows"] == 20
    [(predictions, labels)] = seen
    assert predictions.shape == (20, 3) and labels.tolist() == [i % 3 for i in range(20)]


def test_a_metric_sees_each_step_as_a_token(
    tiny_model: Path, data: Callable[[str], TokenDataset], tmp_path: Path
) -> None:
    trainer = trainer_of("steps", tiny_model, data("steps"), tmp_path, batch=3)
    own = trainer.evaluate()["eval_step_acc"]
    seen: list[Any] = []

    def compute(prediction: Any) -> dict[str, float]:
        right = prediction.predictions[:, :-1].argmax(-1) == prediction.label_ids[:, 1:]
        seen.append(prediction.label_ids)
        return {"token_acc": float(np.mean(right))}

    trainer.compute_metrics = compute
    assert trainer.evaluate()["eval_token_acc"] == pytest.approx(own)
    assert seen[0].shape == (39, 2)
