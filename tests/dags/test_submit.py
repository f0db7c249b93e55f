"""Targets, sources of parameters and refusals; nothing is run here."""

import http.server
import json
import threading
from typing import ClassVar

import pytest

from pipelines import submit

NEEDED = "base_model=m data_dataset=a.jsonl eval_dataset=b.jsonl reward_dataset=c.jsonl"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def dry(capsys, *options):
    code = submit.main(["--dry-run", *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def shown(output):
    """name -> (value, source) of a DRY_RUN listing."""
    lines = [line for line in output.splitlines() if "  # " in line]
    found = {}
    for line in lines:
        left, _, source = line.rpartition("# ")
        name, _, value = left.partition(" ")
        found[name] = (json.loads(value), source)
    return found


def test_first_line_says_which_target_and_why(capsys, monkeypatch):
    assert dry(capsys, "--args", NEEDED)[1].startswith("target: local (neither KF_PIPELINES_ENDPOINT nor KFP_ENDPOINT")
    monkeypatch.setenv("KFP_ENDPOINT", "http://kfp.example")
    assert dry(capsys, "--args", NEEDED)[1].startswith("target: cluster (KFP_ENDPOINT is set to http://kfp.example)")
    assert dry(capsys, "--args", NEEDED, "--target", "docker")[1].startswith("target: docker (TARGET=docker)")


def test_sources_in_order_with_provenance(capsys, tmp_path):
    params = tmp_path / "my.yaml"
    params.write_text('train_lora_rank: 4\ntrain_lora_alpha: 8\ninfra_gpus: "2"\n')
    code, output, _ = dry(
        capsys, "--profile", "gke-l4", "--params", str(params), "--args", f"{NEEDED} train_lora_rank=2"
    )
    values = shown(output)
    assert code == 0
    assert values["train_lora_rank"] == (2, "ARGS")
    assert values["train_lora_alpha"] == (8.0, f"PARAMS {params}")
    assert values["infra_gpus"] == ("2", f"PARAMS {params}")
    assert values["infra_node_selector"][1].startswith("PROFILE")
    assert values["train_max_steps"] == (-1, "compiled default")
    assert values["track_uri"] == (f"sqlite:///{tmp_path}/outputs/mlflow.db", "local default")
    assert not (tmp_path / "outputs").exists()


def test_demo_is_used_only_where_nobody_gives_a_base_model(capsys):
    _, output, _ = dry(capsys, "--args", "train_lora_rank=2")
    values = shown(output)
    assert values["base_model"][1] == "embedded demo"
    assert values["train_lora_rank"] == (2, "ARGS")
    _, output, _ = dry(capsys, "--args", NEEDED)
    assert "embedded demo" not in output


def test_cluster_cannot_read_the_demo(capsys):
    code, _, error = dry(capsys, "--target", "cluster")
    assert code == 2
    assert "TARGET=cluster: give the endpoint" in error


def test_cluster_needs_a_base_model(capsys, monkeypatch):
    monkeypatch.setenv("KFP_ENDPOINT", "http://kfp.example")
    code, _, error = dry(capsys)
    assert code == 2
    assert "base_model: required on a cluster" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train_lora_rnk=2", "unknown parameter 'train_lora_rnk'; did you mean train_lora_rank"),
        ("train_lora_rank=two", "expected a whole number"),
        ("eval_infer_backend=vlm", "'vlm' is not one of 'transformers', 'vllm'"),
        ("train_tuner_type=loar", "'loar' is not one of lora, qlora, adalora"),
        ("train_tuner_type=reft", "train: --tuner_type: reft cannot be merged (it edits what layers hand on"),
        (
            "train_arguments='{\"weight_decya\": 1}'",
            "train: --weight_decya: unknown argument; did you mean --weight_decay",
        ),
        ("train_lora_rank=4 train_arguments='{\"lora_rank\": 2}'", "give it once"),
        ("train_lora_rank=0", "must be at least 1"),
    ],
)
def test_mistake_is_refused_before_anything_starts(capsys, words, message):
    code, _, error = dry(capsys, "--args", f"{NEEDED} {words}")
    assert code == 2
    assert message in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pipeline", "sfd"], "'sfd' is not one of sft; did you mean sft"),
        (["--pipeline", "absent.yaml"], "there is no file absent.yaml"),
        (["--profile", "gke-l5"], "did you mean gke-l4"),
        (["--target", "moon"], "'moon' is not one of auto, local, docker, cluster"),
        (["--params", "absent.yaml"], "No such file"),
    ],
)
def test_unknown_name_is_refused_with_what_there_is(capsys, options, message):
    code, _, error = dry(capsys, "--args", NEEDED, *options)
    assert code == 2
    assert message in error


def test_profiles_name_only_known_parameters(capsys):
    for profile in sorted(submit.PROFILES.glob("*.yaml")):
        assert dry(capsys, "--args", NEEDED, "--profile", profile.stem)[0] == 0


def test_secrets_do_not_show(capsys):
    _, output, _ = dry(capsys, "--args", f"{NEEDED} track_uri=https://me:hunter2hunter2@mlflow.example")
    assert "hunter2" not in output


class FakeKfp(http.server.BaseHTTPRequestHandler):
    """As much of the v2beta1 API as the client needs to start a run."""

    runs: ClassVar[list] = []

    def do_GET(self):
        if "healthz" in self.path:
            return self.answer({"multi_user": False})
        if "experiments" in self.path:
            return self.answer({"experiments": [{"experiment_id": "e1", "display_name": "swift"}]})
        return self.answer({}, 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/runs"):
            self.runs.append(body)
            return self.answer({"run_id": "run-42", "experiment_id": "e1"})
        return self.answer({"experiment_id": "e1", "display_name": "swift"})

    def answer(self, value, status=200):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def kfp_server(monkeypatch):
    FakeKfp.runs = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeKfp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KFP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def test_cluster_run_is_started_through_the_client(capsys, kfp_server):
    code = submit.main(["--args", f"{NEEDED} train_learning_rate=1e-4", "--run-id", "mine"])
    output = capsys.readouterr().out
    assert code == 0, output
    assert f"http://127.0.0.1:{kfp_server.server_port}/#/runs/details/run-42" in output
    [run] = FakeKfp.runs
    assert run["display_name"] == "mine"
    assert run["service_account"] == "swift-pipelines"
    assert run["runtime_config"]["parameters"]["train_learning_rate"] == 1e-4
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "sft"


def test_endpoint_that_does_not_answer_is_one_clear_error(capsys, monkeypatch):
    monkeypatch.setenv("KFP_ENDPOINT", "http://127.0.0.1:9")
    assert submit.main(["--args", NEEDED]) == 1
    assert "KFP did not take the run" in capsys.readouterr().err
