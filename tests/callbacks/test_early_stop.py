import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from swift_lib.callbacks import extra_callbacks
from swift_lib.core.errors import ArgumentError, TrainingError
from swift_lib.plugin.callback import EarlyStopCallback


class Losses(transformers.TrainerCallback):
    """Gives each evaluation the next of these values."""

    def __init__(self, values: list[float], name: str = "eval_loss") -> None:
        self.values, self.name = list(values), name

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        place = state.global_step // int(state.eval_steps) - 1
        metrics[self.name] = self.values[min(place, len(self.values) - 1)]


def run(trainer: Any, values: list[float], interval: int | None = 2, *, resume: str | None = None, **given: Any) -> Any:
    options = {
        "save_strategy": "steps", "save_steps": 1, "eval_strategy": "steps", "eval_steps": 1, "max_steps": 12, **given,
    }  # fmt: skip
    own = trainer(flat={"early_stop_interval": interval}, **options)
    own.callback_handler.callbacks.insert(0, Losses(values, f"eval_{given.get('metric_for_best_model', 'loss')}"))
    own.train(resume_from_checkpoint=resume)
    return own


@pytest.mark.parametrize(
    ("values", "stops_at"),
    [
        ([5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -6], 12),
        ([5, 4, 4, 4, 9, 9, 9], 4),  # the second save in a row that is no better
        ([5, 6, 4, 6, 3, 6, 6], 7),  # an improvement starts the count anew
        ([5, 6, 6], 3),
    ],
)
def test_it_stops_at_the_right_save(trainer: Any, values: list[float], stops_at: int) -> None:
    assert run(trainer, values).state.global_step == stops_at


def test_more_is_better_where_the_metric_says_so(trainer: Any) -> None:
    assert run(trainer, [1, 2, 3, 2, 2, 2], metric_for_best_model="token_acc").state.global_step == 5


def test_saves_that_nothing_was_measured_for_do_not_count(trainer: Any) -> None:
    assert run(trainer, [5, 6, 7, 8, 9], eval_steps=2).state.global_step == 6


@pytest.mark.parametrize("step", [3, 4])
def test_a_resumed_run_stops_where_the_whole_one_does(trainer: Any, tmp_path: Path, step: int) -> None:
    values = [5, 4, 6, 3, 6, 7, 8]
    assert run(trainer, values).state.global_step == 6
    resumed = run(trainer, values, resume=str(tmp_path / "out" / f"checkpoint-{step}"))
    assert resumed.state.global_step == 6
    kept = json.loads((tmp_path / "out" / "checkpoint-5" / "trainer_state.json").read_text())["stateful_callbacks"]
    assert kept["early_stop"]["attributes"]["best_metric"] == 3


def test_an_evaluation_that_is_made_up_for_counts_for_its_checkpoint() -> None:
    """As a run that was stopped in the middle of the evaluation of step 4 sees its events."""
    args = transformers.TrainingArguments("x", save_strategy="steps", save_steps=2, eval_strategy="steps", use_cpu=True)
    kept = {"best_metric": 1.0, "count": 1, "improved": False, "measured": False}
    for step, stops in ((4, True), (5, False)):  # a save belongs to step 4, none to 5
        state = transformers.TrainerState(global_step=step, save_steps=2)
        state.stateful_callbacks["early_stop"] = {"args": {}, "attributes": kept}
        callback = EarlyStopCallback(total_interval=2)
        assert not callback.on_train_begin(args, state, transformers.TrainerControl()).should_training_stop
        control = callback.on_evaluate(args, state, transformers.TrainerControl(), metrics={"eval_loss": 2.0})
        assert control.should_training_stop is stops


def test_an_instance_of_a_plugin_file_waits_for_three(trainer: Any) -> None:
    extra_callbacks.append(EarlyStopCallback())
    assert run(trainer, [5, 6, 6, 6, 6], interval=None).state.global_step == 4
    extra_callbacks[0] = EarlyStopCallback(total_interval=1)
    assert run(trainer, [5, 6, 6, 6, 6], interval=None).state.global_step == 2


def test_without_evaluations_it_is_refused(trainer: Any) -> None:
    with pytest.raises(ArgumentError, match="--early_stop_interval: there are no evaluations; give --val_dataset"):
        trainer(flat={"early_stop_interval": 1}).train()


def test_a_metric_that_no_evaluation_gives_is_refused(trainer: Any) -> None:
    own = trainer(
        flat={"early_stop_interval": 1}, save_strategy="steps", save_steps=1, eval_strategy="steps", eval_steps=1,
    )  # fmt: skip
    own.args.metric_for_best_model = "bleu"
    own._determine_best_metric = lambda metrics, trial: False
    with pytest.raises(TrainingError, match=r"no evaluation gave eval_bleu; there are .*eval_loss"):
        own.train()
