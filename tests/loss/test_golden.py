"""Every value of golden/losses.json."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

# What a key says behind the loss's name, as environment variables.
VARIANTS = {
    "": {},
    "ragged": {},
    "ragged nobatch": {"INFONCE_USE_BATCH": "False"},
    "T=2": {"LISTWISE_RERANKER_TEMPERATURE": "2"},
    "min3": {"LISTWISE_RERANKER_MIN_GROUP_SIZE": "3"},
    "none": {"LISTWISE_RERANKER_MIN_GROUP_SIZE": "4"},
}
CASES = [
    "cosine_similarity",
    "contrastive",
    "online_contrastive",
    *(
        f"infonce {variant}"
        for variant in (
            "{}",
            '{"INFONCE_USE_BATCH": "False"}',
            '{"INFONCE_TEMPERATURE": "1.0"}',
            '{"INFONCE_INCLUDE_QQ": "True"}',
            '{"INFONCE_INCLUDE_DD": "True"}',
            '{"INFONCE_MASK_FAKE_NEGATIVE": "True"}',
            '{"INFONCE_HARD_NEGATIVES": "1"}',
            '{"INFONCE_USE_BATCH": "False", "INFONCE_HARD_NEGATIVES": "1"}',
            "ragged",
            "ragged nobatch",
        )
    ),
    "pointwise_reranker",
    *(f"listwise_reranker{variant}" for variant in ("", " T=2", " min3", " none")),
]


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "golden" / "losses.json").read_text(encoding="utf-8"))


def test_no_value_is_left_out(golden: dict[str, Any]) -> None:
    assert list(golden["values"]) == CASES


@pytest.mark.parametrize("case", CASES)
def test_the_value(
    case: str,
    golden: dict[str, Any],
    embedding_loss: Callable[..., torch.Tensor],
    score_loss: Callable[..., torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, _, variant = case.partition(" ")
    for variable, value in (json.loads(variant) if variant.startswith("{") else VARIANTS[variant]).items():
        monkeypatch.setenv(variable, value)
    if name.endswith("reranker"):
        found = score_loss(name, torch.tensor(golden["L"]), torch.tensor(golden["ll"]))
    elif name == "infonce":
        texts, labels = torch.tensor(golden["G"]), torch.tensor(golden["gl"])
        ragged = variant.startswith("ragged")  # without the last negative
        found = embedding_loss(name, texts[:-1] if ragged else texts, labels[:-1] if ragged else labels)
    else:
        found = embedding_loss(name, torch.tensor(golden["E"]), torch.tensor(golden["lab"]))
    assert found.item() == pytest.approx(golden["values"][case], abs=1e-5)
