import json
import logging
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core import mlflow_store
from swift_lib.core.errors import Interrupted
from swift_lib.core.mlflow_store import CONFIRMED, RunStore
from swift_lib.core.tracking import Tracker, close_parent, resolve_uri


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "KFP_RUN_ID", "RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("mlflow")
    yield f"sqlite:///{tmp_path_factory.mktemp('track')}/deep/mlflow.db"


@pytest.fixture(scope="module")
def client(uri: str) -> Any:
    return RunStore(uri, "tests").client


def open_tracker(uri: str, key: str, stage: str = "train", **more: Any) -> Tracker:
    return Tracker.open(uri=uri, experiment="tests", run_key=key, run_name="a run", stage=stage, **more)


def test_a_stage_becomes_a_child_with_its_records(uri: str, client: Any, tmp_path: Path) -> None:
    (tmp_path / "plot.html").write_text("<p>")
    with open_tracker(uri, "key1") as tracker:
        tracker.params({"lora_rank": 8, "hub_token": "abc", "long": "x" * 7000, "nested": {"a": [1, 2]}})
        tracker.dataset("train", "d" * 64, 1000, "s3://bucket/data")
        tracker.artifact(tmp_path / "plot.html", "plots")
        for step in range(1500):
            tracker.metrics({"loss": 1 / (step + 1), "odd name!": step, "text": "no"}, step)
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED" and run.data.tags["mlflow.parentRunId"] == tracker.parent_id
    assert run.data.params["hp/lora_rank"] == "8" and run.data.params["hp/nested/a"] == "[1, 2]"
    assert run.data.params["hp/hub_token"] == "***" and len(run.data.params["hp/long"]) == 6000
    assert len(client.get_metric_history(tracker.run_id, "loss")) == 1500
    assert run.data.metrics["odd name_"] == 1499
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("train", "d" * 36)
    assert [file.path for file in client.list_artifacts(tracker.run_id, "plots")] == ["plots/plot.html"]
    assert client.get_run(tracker.parent_id).info.status == "RUNNING"


def test_metrics_do_not_wait_for_the_store(uri: str) -> None:
    with open_tracker(uri, "key-fast") as tracker:
        start = time.perf_counter()
        for step in range(1000):
            tracker.metrics({"loss": 1.0}, step)
        assert time.perf_counter() - start < 0.5


def test_stages_of_one_run_share_a_parent_and_close_ends_it(uri: str, client: Any) -> None:
    with open_tracker(uri, "key2", "preprocess") as first:
        pass
    second = open_tracker(uri, "key2", "train")  # killed: never finished
    assert first.parent_id == second.parent_id and first.run_id != second.run_id
    assert close_parent(uri, "tests", "key2", "FAILED") is True
    assert client.get_run(first.parent_id).info.status == "FAILED"
    assert client.get_run(first.run_id).info.status == "FINISHED"
    assert client.get_run(second.run_id).info.status == "FAILED"


def test_racing_stages_agree_on_one_parent(uri: str, client: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        trackers = list(pool.map(lambda number: open_tracker(uri, "key-race", f"stage{number}"), range(4)))
    assert len({tracker.parent_id for tracker in trackers}) == 1
    experiment = client.get_experiment_by_name("tests").experiment_id
    parents = client.search_runs([experiment], f"tags.`{CONFIRMED}` = 'true' and tags.`swift.run_key` = 'key-race'")
    assert len(parents) == 1


def test_a_store_that_refuses_the_second_mark_of_a_parent_is_no_error(
    uri: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite lets one of two stages add the mark and refuses the other: MlflowException, UNIQUE constraint failed."""
    from mlflow.exceptions import MlflowException

    mark = client.set_tag

    def lose_the_race(run_id: str, name: str, value: str) -> None:
        mark(run_id, name, value)
        raise MlflowException("UNIQUE constraint failed")

    store = RunStore(uri, "tests")
    monkeypatch.setattr(store.client, "set_tag", lose_the_race)
    assert store.parent("key-mark", "a run") == RunStore(uri, "tests").find_parent("key-mark")
    monkeypatch.setattr(store.client, "set_tag", lambda *mark: (_ for _ in ()).throw(MlflowException("disk full")))
    with pytest.raises(MlflowException, match="disk full"):
        store.parent("key-no-mark", "a run")


def test_a_retried_stage_goes_on_in_its_own_run(uri: str, client: Any) -> None:
    with pytest.raises(ValueError, match="boom"), open_tracker(uri, "key3") as first:
        first.params({"a": 1})
        raise ValueError("boom")
    assert client.get_run(first.run_id).info.status == "FAILED"
    with open_tracker(uri, "key3") as second:
        second.params({"a": 2, "b": 3})
        assert client.get_run(second.run_id).info.status == "RUNNING"
    assert second.run_id == first.run_id
    assert client.get_run(first.run_id).data.params == {"hp/a": "1", "hp/b": "3"}


def test_a_stopped_stage_is_killed(uri: str, client: Any) -> None:
    with pytest.raises(Interrupted), open_tracker(uri, "key4") as tracker:
        raise Interrupted(15)
    assert client.get_run(tracker.run_id).info.status == "KILLED"


def test_a_run_that_kubeflow_made_is_adopted_and_never_ended(
    uri: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = client.get_experiment_by_name("tests").experiment_id
    made = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", made)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with Tracker.open(experiment="tests", run_key="key5", stage="train") as tracker:
        tracker.metrics({"loss": 2.0}, 1)
    assert tracker.run_id == made and tracker.adopted
    assert client.get_run(made).info.status == "RUNNING" and client.get_run(made).data.metrics == {"loss": 2.0}


def test_without_a_key_the_stage_stands_alone(uri: str, client: Any) -> None:
    with Tracker.open(uri=uri, experiment="tests", run_name="mine", stage="train") as tracker:
        pass
    tags = client.get_run(tracker.run_id).data.tags
    assert tags["mlflow.runName"] == "mine" and "mlflow.parentRunId" not in tags and tracker.parent_id == ""


def test_artifacts_lie_beside_the_file(uri: str, client: Any) -> None:
    location = client.get_experiment_by_name("tests").artifact_location
    assert location == Path(uri.removeprefix("sqlite:///")).parent.joinpath("mlartifacts", "tests").as_uri()


def test_every_record_is_also_in_a_local_file(tmp_path: Path) -> None:
    local = tmp_path / "out" / "metrics.jsonl"
    with Tracker.open(uri="none", stage="train", local=local) as tracker:
        tracker.params({"lora_rank": 8})
        tracker.metrics({"loss": math.nan, "rate": 0.5, "note": "text"}, 3)
        tracker.dataset("train", "abc", 10, "http://u:p@h/x")
    lines = [json.loads(line) for line in local.read_text().splitlines()]
    assert lines[0] == {"params": {"hp/lora_rank": "8"}}
    assert lines[1] | {"time": 0} == {"step": 3, "time": 0, "loss": None, "rate": 0.5}
    assert lines[2]["uri"] == "http://***@h/x"
    assert not tracker.active


def test_tracking_off_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Tracker.open(stage="train") as tracker:
        tracker.metrics({"loss": 1.0}, 1)
    assert [record.message for record in caplog.records] == [
        "Tracking is off: no --track_uri and no MLFLOW_TRACKING_URI"
    ]


def test_the_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there")
    assert resolve_uri("sqlite:///x.db") == "sqlite:///x.db"
    assert resolve_uri("") == "http://there"
    assert resolve_uri("none") == ""


def test_a_store_that_cannot_be_reached_never_stops_the_work(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    local = tmp_path / "metrics.jsonl"
    with Tracker.open(uri=f"sqlite:///{tmp_path}/file/x.db", run_key="k", stage="train", local=local) as tracker:
        tracker.params({"a": 1})
        tracker.metrics({"loss": 1.0}, 1)
    assert not tracker.active and len(local.read_text().splitlines()) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert close_parent(f"sqlite:///{tmp_path}/file/x.db", "", "k") is False


def test_a_store_that_goes_away_is_given_up_after_some_failures(
    uri: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker(uri, "key6")

    def refuse(*_values: Any) -> None:
        raise ConnectionError("gone")

    for name in ("log_params", "log_artifact", "log_dataset", "end"):
        monkeypatch.setattr(mlflow_store.RunStore, name, refuse)
    tracker.params({"a": 1})
    assert tracker.active
    tracker.artifact("x")
    tracker.dataset("a", "b", 1, "c")
    assert not tracker.active
    tracker.finish()
    assert len([record for record in caplog.records if "gone" in record.message]) == 1


def test_metrics_that_failed_to_arrive_are_sent_again(uri: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    really, failures = mlflow_store.RunStore.log_metrics, [ConnectionError("busy")]

    def stumble(store: RunStore, run_id: str, records: Any) -> None:
        if failures:
            raise failures.pop()
        really(store, run_id, records)

    monkeypatch.setattr(mlflow_store.RunStore, "log_metrics", stumble)
    with open_tracker(uri, "key8") as tracker:
        tracker.metrics({"loss": 3.0}, 1)
    assert client.get_run(tracker.run_id).data.metrics == {"loss": 3.0} and not failures


def test_closing_what_is_not_there_is_no_error(uri: str) -> None:
    assert close_parent(uri, "tests", "never seen") is False
    assert close_parent("none", "tests", "key1") is False
    assert close_parent(uri, "tests", "") is False


def test_other_ranks_track_nothing(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with open_tracker(uri, "key7", local=tmp_path / "m.jsonl") as tracker:
        tracker.metrics({"loss": 1.0}, 1)
    assert not tracker.active and not (tmp_path / "m.jsonl").exists()


def test_going_back_forgets_what_comes_again(tmp_path: Path) -> None:
    """A try that was killed: records beyond the checkpoint, a half-written line, the same parameters twice."""
    file = tmp_path / "metrics.jsonl"
    tracker = Tracker(None, "", "", False, file)
    tracker.params({"a": 1})
    for step in (1, 2, 3):
        tracker.metrics({"loss": 1 / step}, step)
    tracker.metrics({"train_loss": 2.0}, 2)
    with open(file, "a", encoding="utf-8") as stream:
        stream.write('{"step": 2, "lo')
    tracker.params({"a": 1})
    tracker.rewind(2)
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert [record.get("step") for record in records] == [None, 1, 2]
    tracker.metrics({"eval_loss": 1.0}, step=2)
    tracker.rewind(2)
    assert len(file.read_text().splitlines()) == 4
    tracker.rewind(2, owes_evaluation=True)
    assert [json.loads(line) for line in file.read_text().splitlines()] == records
    tracker.rewind(-1)
    assert [json.loads(line) for line in file.read_text().splitlines()] == records[:1]
    Tracker(None, "", "", False, tmp_path / "none.jsonl").rewind(3)
    assert not (tmp_path / "none.jsonl").exists()
