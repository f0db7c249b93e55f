"""`swift sft --task_type ...`: what is refused, what is saved, going on, and asking the model that came out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from swift_lib.core.errors import ArgumentError, DataError, EngineError, ModelError
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.pipelines.deploy import run_deploy
from swift_lib.pipelines.evaluate import eval_main
from swift_lib.pipelines.infer import infer_main
from swift_lib.pipelines.predict import Predictor, predict
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.pipelines.pretrain import pretrain_main
from swift_lib.pipelines.sft import SftResult, sft_main
from swift_lib.pipelines.tasks import require_rows

torch.set_num_threads(1)
Row = dict[str, Any]
WORDS = ("red", "blue", "green")


def said(text: str, role: str = "user") -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def row_of(task: str, i: int) -> Row:
    word, other = WORDS[i % 3], WORDS[(i + 1) % 3]
    question = said(f"{word} {i}")
    if task == "seq_cls":
        return {"messages": question, "label": i % 3}
    if task == "embedding":
        return {"messages": question, "positive_messages": [said(word)], "negative_messages": [said(other)]}
    if task == "prm":
        return {"messages": [*question, *said(f"{word}\n\n{other}", "assistant")], "label": [1, 0]}
    if task == "causal_lm":
        return {"messages": [*question, *said(word, "assistant")]}
    fitting, others = [said(word, "assistant")], [said(other, "assistant"), said("none", "assistant")]
    return {"messages": question, "positive_messages": fitting, "negative_messages": others}


OPTIONS: dict[str, dict[str, Any]] = {
    "seq_cls": {"num_labels": 3},
    "embedding": {"loss_type": "infonce"},
    "reranker": {"loss_type": "listwise_reranker"},
    "generative_reranker": {"loss_type": "pointwise_reranker", "positive_token": "y", "negative_token": "n"},
    "prm": {},
}
TASKS = list(OPTIONS)


def written(folder: Path, task: str, count: int = 12) -> Path:
    path = folder / f"{task}.jsonl"
    path.write_text("".join(json.dumps(row_of(task, i)) + "\n" for i in range(count)))
    return path


def flags(model: Path, folder: Path, task: str, output: str, **more: Any) -> dict[str, Any]:
    return {
        "model": str(model), "dataset": [str(written(folder, task))], "output_dir": str(folder / output),
        "task_type": task, "template": "chatml", "tuner_type": "full", "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1, "max_steps": 4, "save_steps": 2, "logging_steps": 1, "learning_rate": 1e-3,
        "gradient_checkpointing": False, "track_uri": "none", **OPTIONS.get(task, {}), **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def classifier(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> SftResult:
    folder = tmp_path_factory.mktemp("classifier")
    return sft_main(flags(tiny_model, folder, "seq_cls", "out", split_dataset_ratio=0.3))


# Refused


@pytest.fixture(scope="module")
def datasets(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenDataset]:
    found = {}
    for task in ("causal_lm", "seq_cls", "embedding", "reranker", "prm"):
        folder = tmp_path_factory.mktemp(task)
        made = {
            "model": str(tiny_model), "dataset": [str(written(folder, task))], "task_type": task,
            "output_dir": str(folder / "out"), "track_uri": "none",
        }  # fmt: skip
        preprocess_main({**made, **({"num_labels": 3} if task == "seq_cls" else {})})
        found[task] = TokenDataset.open(folder / "out" / "train")
    return found


@pytest.mark.parametrize("made", ["causal_lm", "seq_cls", "embedding", "reranker", "prm"])
def test_rows_are_taken_by_the_task_they_were_made_for_and_by_no_other(
    made: str, datasets: dict[str, TokenDataset]
) -> None:
    takers = {"reranker": {"reranker", "generative_reranker"}}.get(made, {made})
    for task in ("causal_lm", *TASKS):
        if task in takers:
            require_rows(datasets[made], task)
        else:
            with pytest.raises(DataError, match=f"--task_type {task}"):
                require_rows(datasets[made], task)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"task_type": "seq_cls", "num_labels": None}, "--num_labels: seq_cls needs"),
        ({"task_type": "embedding", "loss_type": None, "num_labels": None}, "--loss_type: embedding has no loss"),
        ({"predict_with_generate": True, "split_dataset_ratio": 0.5}, "seq_cls generates nothing"),
        ({"loss_type": "infonce"}, "'infonce' is for embedding"),
    ],
)
def test_what_a_task_cannot_do_without_is_said_before_any_work(
    more: dict[str, Any], message: str, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=message):
        sft_main(flags(tiny_model, tmp_path, "seq_cls", "out", **more))
    assert not (tmp_path / "out" / "final").exists()


def test_pretraining_is_of_tokens_only(tiny_model: Path, tmp_path: Path) -> None:
    given = {"model": str(tiny_model), "dataset": ["x"], "output_dir": str(tmp_path), "num_labels": 2}
    with pytest.raises(ArgumentError, match="swift pt trains on tokens, not seq_cls"):
        pretrain_main(given)


@pytest.mark.parametrize(
    ("labels", "more", "message"),
    [
        ([0, 5], {"num_labels": 3}, "give --num_labels 6"),
        ([0.5, 1.5], {"num_labels": 3, "problem_type": "single_label_classification"}, "labels are numbers"),
        ([0.5, 1.5], {"num_labels": 3, "problem_type": "regression"}, "one number, not 3"),
    ],
)
def test_labels_that_do_not_fit_the_classifier_are_refused(
    labels: list[Any], more: dict[str, Any], message: str, tiny_model: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"messages": said("x"), "label": label}) + "\n" for label in labels))
    tokens = tmp_path / "tokens"
    preprocess_main(
        {
            "model": str(tiny_model), "dataset": [str(rows)], "task_type": "seq_cls", "output_dir": str(tokens),
            "track_uri": "none",
        }
    )  # fmt: skip
    given = flags(tiny_model, tmp_path, "seq_cls", "out", **more, dataset=[], cached_dataset=str(tokens))
    with pytest.raises(DataError, match=message):
        sft_main(given)


def test_an_answer_must_be_one_token(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no token 'yes'.*--positive_token"):
        sft_main(flags(tiny_model, tmp_path, "generative_reranker", "out", positive_token=None))


def test_a_row_without_a_fitting_document_has_no_place_in_a_list(tiny_model: Path, tmp_path: Path) -> None:
    row = row_of("reranker", 0)
    row["positive_messages"] = []
    rows = tmp_path / "rows.jsonl"
    rows.write_text((json.dumps(row) + "\n") * 8)
    with pytest.raises(DataError, match="no document that fits"):
        sft_main(flags(tiny_model, tmp_path, "reranker", "listwise", dataset=[str(rows)]))
    given = flags(tiny_model, tmp_path, "reranker", "out", dataset=[str(rows)], loss_type="pointwise_reranker")
    assert sft_main(given).metrics["steps"] == 4


def test_commands_that_generate_refuse_a_classifier(classifier: SftResult, tmp_path: Path) -> None:
    rows = written(tmp_path, "causal_lm")
    message = "a model of task seq_cls writes no text"
    with pytest.raises(EngineError, match=message):
        infer_main(["--model", classifier.final, "--val_dataset", str(rows), "--output_dir", str(tmp_path / "infer")])
    with pytest.raises(EngineError, match=message):
        eval_main({"model": classifier.final, "eval_dataset": [str(rows)], "output_dir": str(tmp_path / "eval")})
    from swift_lib.arguments import DeployArguments

    args = DeployArguments(model=classifier.final, infer_backend="vllm")
    with pytest.raises(EngineError, match=message), run_deploy(args, log_file=tmp_path / "log"):
        pass


# Saved and asked


def test_the_saved_model_says_what_it_is(classifier: SftResult) -> None:
    stored = json.loads((Path(classifier.final) / "args.json").read_text())
    told = ("seq_cls", 3, "single_label_classification", "chatml")
    assert (stored["task_type"], stored["num_labels"], stored["problem_type"], stored["template"]) == told


def test_validation_measures_what_the_task_is_about(classifier: SftResult) -> None:
    assert {"eval_loss", "eval_acc", "eval_f1"} <= set(classifier.metrics)


@pytest.mark.parametrize("task", TASKS)
def test_rows_are_asked_about_as_they_were_trained(task: str, tiny_model: Path, tmp_path: Path) -> None:
    result = sft_main(flags(tiny_model, tmp_path, task, "out", max_steps=1, save_strategy="no"))
    asked = Predictor(["--model", result.final])
    assert asked.task.task_type == task
    trained = TokenDataset.open(tmp_path / "out" / "dataset" / "train")
    row = row_of(task, trained[0]["row_id"])
    [found], _ = asked._encode({key: value for key, value in row.items() if not key.startswith(("pos", "neg"))})
    if task == "embedding":
        assert found["input_ids"] == trained[0]["anchor_input_ids"]
    elif task.endswith("reranker"):
        documents, is_group = asked._encode(row)
        assert is_group and [document["input_ids"] for document in documents] == trained[0]["input_ids"]
        alone = {"messages": [*row["messages"], *row["positive_messages"][0]]}
        assert asked._encode(alone)[0][0]["input_ids"] == trained[0]["input_ids"][0]
    else:
        assert found["input_ids"] == trained[0]["input_ids"]


def test_what_is_asked_does_not_depend_on_the_batch(classifier: SftResult) -> None:
    rows = [row_of("seq_cls", i) for i in range(7)]
    one = Predictor(["--model", classifier.final, "--max_batch_size", "1"])(rows)
    five = Predictor(["--model", classifier.final, "--max_batch_size", "5"])(rows)
    assert np.allclose(one, five, atol=1e-6)


def test_predict_reads_rows_from_files(classifier: SftResult, tmp_path: Path) -> None:
    found = predict(["--model", classifier.final, "--val_dataset", str(written(tmp_path, "seq_cls", 3))])
    assert [values.shape for values in found] == [(3,)] * 3


def test_a_language_model_is_not_asked_for_scores(tiny_model: Path) -> None:
    with pytest.raises(DataError, match="swift infer"):
        Predictor(["--model", str(tiny_model)])


def test_packs_are_trained_through_the_command(tiny_model: Path, tmp_path: Path) -> None:
    losses = {}
    for name, more in {"padded": {}, "packed": {"packing": True, "packing_length": 256}}.items():
        given = {"max_steps": 1, "gradient_accumulation_steps": 50, "learning_rate": 1e-12, "save_strategy": "no"}
        losses[name] = sft_main(flags(tiny_model, tmp_path, "seq_cls", name, **given, **more)).metrics["train_loss"]
    assert losses["packed"] == pytest.approx(losses["padded"], abs=1e-5)
