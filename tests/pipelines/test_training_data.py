"""Rows that supervised fine-tuning takes, and those made for another training."""

import json
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.errors import DataError
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.pipelines.tasks import require_rows

ASKED = [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."}]
PAIR = {"messages": ASKED, "rejected_response": "Three."}
JUDGED = {"messages": ASKED, "label": True}


def made(model: Path, folder: Path, row: dict[str, Any], **more: Any) -> TokenDataset:
    file = folder / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n")
    tokens = folder / "tokens"
    preprocess_main(
        {"model": str(model), "dataset": [str(file)], "output_dir": str(tokens), "track_uri": "none", **more}
    )
    return TokenDataset.open(tokens / "train")


@pytest.mark.parametrize("row", [PAIR, JUDGED], ids=["pair", "judged"])
def test_the_conversation_of_a_pair_or_of_a_judged_row_can_be_trained_on(
    row: dict[str, Any], tiny_model: Path, tmp_path: Path
) -> None:
    require_rows(made(tiny_model, tmp_path, row), "causal_lm")


@pytest.mark.parametrize(
    ("row", "more", "held"),
    [
        (PAIR, {"template_mode": "rlhf"}, "chosen and rejected"),
        (JUDGED, {"template_mode": "kto"}, "chosen and a label"),
        ({"messages": ASKED[:1], "label": 1}, {"task_type": "seq_cls", "num_labels": 2}, "a label"),
    ],
    ids=["pairs", "judged", "classes"],
)
def test_rows_for_another_training_are_refused(
    row: dict[str, Any], more: dict[str, Any], held: str, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"each row holds {held}:.*--template_mode train"):
        require_rows(made(tiny_model, tmp_path, row, **more), "causal_lm")
