"""The demo's claim is about learning: on shuffled answers, the same run must not get there."""

from pathlib import Path

import pytest
import yaml

from examples.demo import prepare
from examples.demo.tasks import with_shuffled_answers
from swift_lib import eval_main, export_main, sft_main
from swift_lib.core.manifest import check

pytestmark = pytest.mark.integration
PRESET = Path(__file__).resolve().parents[2] / "pipelines" / "params" / "sft.yaml"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare.ensure(tmp_path_factory.mktemp("outputs"))


def tuned_accuracy(demo: Path, train: Path, output: Path) -> float:
    """Train, merge and evaluate as the embedded default says, on other training rows."""
    preset = yaml.safe_load(PRESET.read_text(encoding="utf-8"))
    arguments = {name.removeprefix("train_"): value for name, value in preset.items() if name.startswith("train_")}
    extra = arguments.pop("arguments")
    base = str(demo / "base")
    trained = sft_main(
        {"model": base, "dataset": [str(train)], "max_length": preset["data_max_length"],
         "output_dir": str(output / "trained"), **arguments, **extra, "eval_steps": None}
    )  # fmt: skip
    merged = output / "merged"
    export_main({"model": base, "adapters": [trained.final], "merge_lora": True, "output_dir": str(merged)})
    scores = eval_main(
        {"model": str(merged), "eval_dataset": [str(demo / "data" / "held_out.jsonl")],
         "max_new_tokens": preset["eval_max_new_tokens"], "max_batch_size": preset["eval_max_batch_size"],
         "output_dir": str(output / "evaluated")}
    )  # fmt: skip
    return scores.metrics["exact_match"]


def test_base_and_data_are_made_once_and_whole(demo: Path) -> None:
    before = [check(demo / name)["digest"] for name in ("base", "data")]
    prepare.ensure(demo.parent)
    assert [check(demo / name)["digest"] for name in ("base", "data")] == before


def test_shuffled_answers_are_not_learned(demo: Path, tmp_path: Path) -> None:
    rows = with_shuffled_answers(prepare._all_rows()["train"], seed=5)
    prepare.make_data(tmp_path / "shuffled", {"train": rows})
    assert tuned_accuracy(demo, tmp_path / "shuffled" / "train.jsonl", tmp_path) < 0.2
