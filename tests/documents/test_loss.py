"""Losses written from the documents, trained with through --external_plugins."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swift_lib.arguments import SftArguments
from swift_lib.core.errors import ArgumentError, ContractError
from swift_lib.loss.base import loss_problems

Learn = Callable[..., Any]
UNIFORM = math.log(320)  # nats of a token of which the untrained model knows nothing
FILES = {"custom_loss": "custom_loss_function.py", "custom_loss_class": "custom_loss.py"}


def first(run: Any, name: str) -> float:
    return next(entry[name] for entry in run.history if name in entry)


def test_the_function_of_the_3_0_page(files: Path, learn: Learn) -> None:
    """Twice the cross entropy, of training and of validation; every parameter is trained, half of them by choice."""
    run = learn(
        external_plugins=[str(files / FILES["custom_loss"])], loss_type="custom_loss", split_dataset_ratio=0.5,
        max_contamination=1.0, eval_on_start=True, freeze_parameters=["model.layers.0."],
    )  # fmt: skip
    run.require_learned()
    assert [first(run, name) for name in ("loss", "eval_loss")] == pytest.approx([2 * UNIFORM] * 2, rel=0.1)
    assert run.changed == {name for name in run.names if not name.startswith("model.layers.0.")}


def test_the_class_of_the_4_0_page(files: Path, learn: Learn) -> None:
    """At first it is the cross entropy; a token that is likely counts less."""
    run = learn(external_plugins=[str(files / FILES["custom_loss_class"])], loss_type="custom_loss_class")
    run.require_learned()
    assert first(run, "loss") == pytest.approx(UNIFORM, rel=0.1) and run.changed == run.names


def test_a_class_gets_the_tokens_weights(files: Path, learn: Learn, rows: Any) -> None:
    """Three letters count twice, the two tokens that end a reply once."""
    reply = {"role": "assistant", "content": "red", "loss_scale": 2.0}
    data = rows([{"messages": [{"role": "user", "content": "say red"}, reply]}] * 4)
    run = learn(
        external_plugins=[str(files / FILES["custom_loss_class"])], loss_type="custom_loss_class", max_steps=1,
        dataset=[str(data)],
    )  # fmt: skip
    assert first(run, "loss") == pytest.approx(UNIFORM * (3 * 2 + 2) / 5, rel=0.05)


def test_a_loss_that_is_not_named_is_told_and_not_used(
    files: Path, learn: Learn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        run = learn(external_plugins=[str(files / FILES["custom_loss"])], max_steps=1)
    (line,) = [message for message in caplog.messages if "is not used" in message]
    assert "tests/data/documents/custom_loss" in line and "--loss_type custom_loss" in line
    assert first(run, "loss") == pytest.approx(UNIFORM, rel=0.1)


def test_the_pages_own_body_is_told_what_to_return(learn: Learn, tmp_path: Path) -> None:
    """`pass`."""
    plugin = tmp_path / "empty_loss.py"
    plugin.write_text(
        "from swift_lib.loss import BaseLoss, loss_map\n\n"
        "class EmptyLoss(BaseLoss):\n\n    def __call__(self, outputs, labels, **kwargs):\n        pass\n\n"
        "loss_map['empty_loss'] = EmptyLoss\n"
    )
    with pytest.raises(ContractError, match=r"'empty_loss': EmptyLoss returned None\. Do: return a scalar tensor"):
        learn(external_plugins=[str(plugin)], loss_type="empty_loss", max_steps=1)


@pytest.mark.parametrize("name", FILES)
def test_it_is_refused_for_classifiers_and_preferences_before_anything_is_loaded(name: str, files: Path) -> None:
    with pytest.raises(ArgumentError, match=rf"--loss_type: '{name}' is a plugin's \(.*{FILES[name]}.*not for seq_cls"):
        SftArguments(
            model="nowhere", dataset=["none.jsonl"], task_type="seq_cls", num_labels=2, loss_type=name,
            external_plugins=[str(files / FILES[name])],
        )  # fmt: skip
    assert ["not for dpo" in problem for problem in loss_problems(name, "dpo")] == [True]


def test_the_english_page_has_the_same_lines(files: Path, shared: Path) -> None:
    """Its stored form has lost all indentation."""
    english = (shared / "documents" / "pluginization-3.0-en.txt").read_text(encoding="utf-8")
    for line in ('@register_loss_func("custom_loss")', "def loss_scale_func(outputs, labels, loss_scale=None, "):
        assert line in english and line in (files / FILES["custom_loss"]).read_text(encoding="utf-8")
