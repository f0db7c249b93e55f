"""TARGET=docker against a real engine, with a built image: the whole pipeline, and what fails in it or before it.

A CPU image of `make images` serves for every stage. DOCKER_HOST names the engine's socket where it is not the
usual one, SWIFT_TEST_IMAGE the image where it is not the train image of this version.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kfp import compiler, dsl

from pipelines.compile import documents
from swift_lib import __version__

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
IMAGE = os.environ.get("SWIFT_TEST_IMAGE") or f"swift-train-python:{__version__}"
STAGES = ["preprocess", "train", "merge_lora", "evaluate", "reward_sampling", "serve"]
CONTRACT = """
set -e
test "$(id -u):$(id -g)" = 1000:0
test -w "$HOME" && test ! -w /opt/venv
test -d "$(mktemp -d)"
cd /
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --help
python3 -c "import swift_lib, torch, transformers, peft, mlflow; print(swift_lib.__file__)"
swift --help
"""


@pytest.fixture(scope="module")
def engine():
    docker = pytest.importorskip("docker")
    try:
        client = docker.from_env(timeout=300)
    except docker.errors.DockerException as error:
        pytest.skip(f"docker: no container engine answers ({error})")
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"docker: there is no image {IMAGE}; `make images` builds it, SWIFT_TEST_IMAGE names another")
    yield client
    client.close()


def row(number):
    messages = [{"role": "user", "content": f"say red {number}"}, {"role": "assistant", "content": f"red {number}"}]
    return json.dumps({"messages": messages}) + "\n"


def submit(folder, *options, **variables):
    """Start `submit` in `folder`; its output goes to a file."""
    images = {f"SWIFT_IMAGE_{name}": IMAGE for name in ("PIPELINE", "TRAIN", "VLLM")}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **images, **variables}
    for name in ("KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT", "MLFLOW_TRACKING_URI", "KFP_RUN_ID"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "pipelines.submit", "--target", "docker", *options]
    log = folder / f"log-{time.monotonic_ns()}"
    with open(log, "w") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    return process, log


def output_of(engine, command, **options):
    """What a container that has to end well says. (The client's own `run` returns it for some log drivers only.)"""
    container = engine.containers.run(IMAGE, command, detach=True, **options)
    try:
        status = container.wait()["StatusCode"]
        said = container.logs().decode()
    finally:
        container.remove(force=True)
    assert status == 0, said[-3000:]
    return said


def errors_in(log):
    text = log.read_text()
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.fixture()
def one_task(tmp_path):
    """A compiled pipeline of one task, which waits and ends with an exit status; its file."""

    @dsl.component(base_image=IMAGE, packages_to_install=[], install_kfp_package=False)
    def leave(status: int, seconds: int):
        import sys
        import time

        print("the task runs", flush=True)
        time.sleep(seconds)
        print("leaving", flush=True)
        sys.exit(status)

    @dsl.pipeline(name="one-task")
    def pipeline(status: int = 0, seconds: int = 0):
        leave(status=status, seconds=seconds).set_caching_options(False)

    path = tmp_path / "one-task.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path


def test_image_keeps_kfps_contract(engine):
    said = output_of(engine, ["sh", "-c", CONTRACT])
    assert "--function_to_execute" in said
    assert "/opt/venv/lib" in said
    assert "sft" in said.split()


def test_component_runs_in_the_image_alone_as_any_user(engine, tmp_path, tiny_model):
    """As a pod does: KFP's command, without the tree, under a user that the image does not know."""
    spec = documents((ROOT / "components" / "preprocess" / "component.yaml").read_text())[0]
    [executor] = spec["deploymentSpec"]["executors"].values()
    tmp_path.chmod(0o777)
    (tmp_path / "rows.jsonl").write_text("".join(row(number) for number in range(4)))
    given = {"model": str(tiny_model), "model_type": "qwen2", "dataset": [str(tmp_path / "rows.jsonl")]}
    outputs = {
        name: {"artifacts": [{"name": name, "type": {"schemaTitle": kind}, "uri": str(tmp_path / "run" / name)}]}
        for name, kind in (("tokens", "system.Dataset"), ("preview", "system.HTML"), ("summary", "system.Metrics"))
    }
    handed = {
        "inputs": {"parameterValues": {**given, "track_uri": "none", "max_length": 128.0}},
        "outputs": {"artifacts": outputs, "outputFile": str(tmp_path / "output.json")},
    }
    command = [*executor["container"]["command"], *executor["container"]["args"]]
    command = [word.replace("{{$}}", json.dumps(handed)) for word in command]
    parents = {str(path): {"bind": str(path), "mode": "rw"} for path in (tmp_path, tiny_model)}
    for path in tiny_model.rglob("*"):
        path.chmod(path.stat().st_mode | 0o444)
    output_of(engine, command, user="12345:0", volumes=parents)
    given_back = json.loads((tmp_path / "output.json").read_text())["artifacts"]["summary"]["artifacts"][0]
    assert given_back["metadata"]["rows_in"] == 4


def test_pipeline_runs_in_containers(engine, tmp_path, tiny_model):
    (tmp_path / "rows.jsonl").write_text("".join(row(number) for number in range(40)))
    (tmp_path / "prompts.jsonl").write_text("".join(row(number) for number in range(40, 44)))
    parameters = {
        "base_model": str(tiny_model),
        "base_model_type": "qwen2",
        "data_dataset": ["rows.jsonl"],
        "data_split_dataset_ratio": 0.1,
        "train_max_steps": 2,
        "train_per_device_train_batch_size": 4,
        "train_gradient_accumulation_steps": 1,
        "eval_dataset": ["prompts.jsonl"],
        "eval_max_new_tokens": 4,
        "reward_dataset": ["prompts.jsonl"],
        "reward_max_new_tokens": 4,
        "serve_max_tokens": 32,
        "serve_arguments": {"infer_backend": "transformers", "temperature": 1.0},
    }
    (tmp_path / "parameters.json").write_text(json.dumps(parameters))
    process, log = submit(tmp_path, "--params", "parameters.json", "--run-id", "contained")
    assert process.wait(timeout=1200) == 0, log.read_text()[-5000:]
    assert "6 of 6 stages succeeded" in log.read_text()
    assert "Got executor_input" not in log.read_text()
    runs = tmp_path / "outputs" / "runs" / "contained" / "sft"
    for stage in STAGES:
        assert list((runs / stage.replace("_", "-")).glob("*/manifest.json")), stage
    assert containers_of(engine) == []


def test_failing_stage_is_one_error_and_a_failure(engine, tmp_path, tiny_model):
    (tmp_path / "rows.jsonl").write_text('{"messages": [{"role": "user", "content": "no answer"}]}\n')
    words = f"base_model={tiny_model} base_model_type=qwen2 data_dataset=rows.jsonl eval_dataset=rows.jsonl"
    process, log = submit(tmp_path, "--args", f"{words} reward_dataset=rows.jsonl track_uri=none")
    assert process.wait(timeout=300) == 1
    [error] = errors_in(log)
    assert error.startswith("error: Stage preprocess failed: ")


def test_failing_container_is_one_error_and_a_failure(engine, tmp_path, one_task):
    process, log = submit(tmp_path, "--pipeline", str(one_task), "--args", "status=3")
    assert process.wait(timeout=300) == 1
    [error] = errors_in(log)
    assert "Stage leave failed with exit status 3: leaving" in error
    assert containers_of(engine) == []


def test_stopped_run_leaves_no_container(engine, tmp_path, one_task):
    process, log = submit(tmp_path, "--pipeline", str(one_task), "--args", "seconds=600")
    deadline = time.monotonic() + 120
    while "the task runs" not in log.read_text():
        assert time.monotonic() < deadline and process.poll() is None, log.read_text()[-3000:]
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert containers_of(engine) == []


def containers_of(engine):
    """What is left of containers of the image under test."""
    known = engine.images.get(IMAGE).id
    return [found.name for found in engine.containers.list(all=True) if found.image.id == known]


def test_missing_image_is_named(engine, tmp_path, one_task):
    one_task.write_text(one_task.read_text().replace(IMAGE, "localhost:1/no-such-image:1"))
    process, log = submit(tmp_path, "--pipeline", str(one_task))
    assert process.wait(timeout=300) == 1
    [error] = errors_in(log)
    assert "the image localhost:1/no-such-image:1 is not here and cannot be pulled" in error
    assert "make images" in error


def test_no_engine_is_one_error(tmp_path, one_task):
    process, log = submit(tmp_path, "--pipeline", str(one_task), DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert process.wait(timeout=120) == 1
    [error] = errors_in(log)
    assert "no container engine answers" in error
    assert "DOCKER_HOST" in error
