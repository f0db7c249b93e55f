"""The bridge between a component's form and a command."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from swift_lib.core.errors import ArgumentError, DataError
from swift_lib.core.manifest import write_manifest
from swift_lib.core.outputs import IN_PROGRESS
from swift_lib.pipelines import stage as stage_module
from swift_lib.pipelines.stage import STAGES, merge_arguments, numbers, run_stage


@dataclasses.dataclass
class Result:
    """What a command returns."""

    rows: int = 3
    loss: float = 0.5
    metrics: dict = dataclasses.field(default_factory=lambda: {"exact_match": 0.9, "note": "text"})
    done: bool = True
    output_dir: str = "x"


calls = []


def command(arguments):
    """Stands in for sft_main: writes one file and its manifest."""
    calls.append(arguments)
    folder = Path(arguments.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curves.html").write_text("<p>")
    write_manifest(folder, stage="train", arguments={"seed": 1})
    return Result()


def forgetful(arguments):
    """A command that ends without an output."""
    Path(arguments.output_dir).mkdir(parents=True)
    return Result()


def failing(arguments):
    """A command that meets bad input."""
    raise DataError("row 7 has no assistant turn", where="rows.jsonl", fix="add one")


def artifact(path):
    return SimpleNamespace(path=str(path), uri=str(path), metadata={})


@pytest.fixture
def values(tmp_path, monkeypatch):
    """What the train component's body hands over."""
    calls.clear()
    monkeypatch.delenv("KFP_RUN_ID", raising=False)
    use(monkeypatch, "command")
    tokens = tmp_path / "run" / "preprocess" / "tokens"
    tokens.mkdir(parents=True)
    write_manifest(tokens, stage="preprocess", arguments={})
    folder = tmp_path / "run" / "train"
    folder.mkdir()
    return {
        "tokens": artifact(tokens),
        "trained": artifact(folder / "trained"),
        "curves": artifact(folder / "curves"),
        "summary": artifact(folder / "summary"),
        "model": "base",
        "tuner_type": "lora",
        "learning_rate": 0.0,
        "lora_rank": 4,
        "arguments": {},
    }


def use(monkeypatch, name):
    entry = dataclasses.replace(STAGES["train"], main=f"{__name__}:{name}")
    monkeypatch.setitem(STAGES, "train", entry)
    monkeypatch.setattr(
        stage_module.importlib,
        "import_module",
        lambda module: SimpleNamespace(**globals()) if module == __name__ else original(module),
    )


original = stage_module.importlib.import_module


def test_values_reach_the_command_and_stand_ins_become_none(values):
    run_stage("train", values)
    [arguments] = calls
    assert arguments.tuner.lora_rank == 4
    assert arguments.train.learning_rate is None
    assert arguments.data.cached_dataset == values["tokens"].path
    assert arguments.output_dir == values["trained"].path


def test_figures_and_reports_go_back(values):
    run_stage("train", values)
    expected = {"rows": 3.0, "loss": 0.5, "exact_match": 0.9}
    assert values["summary"].metadata == expected
    assert json.loads(Path(values["summary"].path).read_text()) == expected
    assert Path(values["curves"].path).read_text() == "<p>"
    assert values["trained"].metadata["files"] == 1


def test_run_key_is_the_runs_folder(values):
    run_stage("train", values)
    assert calls[0].tracking.track_run_key == "run"


def test_run_key_is_kubeflows_run_id_where_there_is_one(values, monkeypatch):
    monkeypatch.setenv("KFP_RUN_ID", "k1")
    run_stage("train", values)
    assert calls[0].tracking.track_run_key == "k1"


def test_complete_output_of_an_earlier_try_is_kept(values):
    run_stage("train", values)
    values["summary"].metadata.clear()
    run_stage("train", values)
    assert len(calls) == 1
    assert values["summary"].metadata["loss"] == 0.5


def refused(values):
    with pytest.raises(SystemExit):
        run_stage("train", values)
    assert len(calls) == 1
    return json.loads((Path(values["trained"].path).parent / "error.json").read_text())["error"]


def test_damaged_output_of_an_earlier_try_is_refused(values):
    run_stage("train", values)
    (Path(values["trained"].path) / "curves.html").write_text("<b>")
    assert "was changed" in refused(values)


def test_changed_input_is_not_the_same_try(values):
    run_stage("train", values)
    folder = Path(values["tokens"].path)
    (folder / "more").write_text("rows")
    write_manifest(folder, stage="preprocess", arguments={})
    assert "other arguments or inputs" in refused(values)


def test_changed_argument_is_not_the_same_try(values):
    run_stage("train", values)
    assert "leave RUN_ID out" in refused(values | {"lora_rank": 2})


def test_unfinished_output_of_an_earlier_try_is_gone_on_with(values):
    folder = Path(values["trained"].path)
    folder.mkdir()
    (folder / IN_PROGRESS).write_text("")
    run_stage("train", values)
    assert len(calls) == 1


def test_error_ends_the_process_and_is_left_beside_the_output(values, monkeypatch):
    use(monkeypatch, "failing")
    with pytest.raises(SystemExit) as stop:
        run_stage("train", values)
    assert stop.value.code == 1
    record = json.loads((Path(values["trained"].path).parent / "error.json").read_text())
    assert record["stage"] == "train"
    assert "row 7 has no assistant turn" in record["error"]


def test_command_that_writes_nothing_is_a_failure(values, monkeypatch):
    use(monkeypatch, "forgetful")
    with pytest.raises(SystemExit):
        run_stage("train", values)
    record = json.loads((Path(values["trained"].path).parent / "error.json").read_text())
    assert "manifest.json" in record["error"]


def test_dictionary_takes_every_other_argument():
    flat = merge_arguments("train", {"model": "m", "lora_rank": 8}, {"lora_rank": 16, "weight_decay": 0.0})
    assert flat == {"model": "m", "lora_rank": 16, "weight_decay": 0.0}


def test_name_given_twice_with_different_values_is_an_error():
    with pytest.raises(ArgumentError, match="lora_rank: 4 as a parameter and 16"):
        merge_arguments("train", {"model": "m", "lora_rank": 4}, {"lora_rank": 16})


def test_name_given_twice_with_one_value_is_none():
    assert merge_arguments("train", {"model": "m", "lora_rank": 4}, {"lora_rank": 4.0})["lora_rank"] == 4


@pytest.mark.parametrize("tuner", ["lora", "a plugin's own", "full"])
def test_adapter_is_merged_and_full_weights_pass_through(tmp_path, tuner):
    final = tmp_path / "final"
    final.mkdir()
    if tuner != "a plugin's own":
        (final / ("adapter_config.json" if tuner == "lora" else "config.json")).write_text("{}")
    chosen = stage_module._weights(str(tmp_path), "base")
    expected = {"model": str(final), "adapters": []} if tuner == "full" else {"model": "base", "adapters": [str(final)]}
    assert chosen == expected | {"merge_lora": True}


def test_only_numbers_are_metrics():
    assert dict(numbers(Result())) == {"rows": 3.0, "loss": 0.5, "exact_match": 0.9}


@pytest.mark.parametrize("stage", STAGES)
def test_stage_names_a_command_that_exists(stage):
    entry = STAGES[stage]
    module, _, attribute = entry.main.partition(":")
    path = Path(stage_module.__file__).parents[2] / f"{module.replace('.', '/')}.py"
    assert f"def {attribute}(" in path.read_text(encoding="utf-8")
    assert entry.arguments_class()
