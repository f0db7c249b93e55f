"""Our `serve` in a pipeline that is somebody else's: it runs, and whatever stops the run stops the server, too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.processes import below

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
THEIRS = """
from kfp import compiler, components, dsl
from kfp.dsl import Model, Output

serve = components.load_component_from_file({component!r})

@dsl.component(base_image="python:3.11", packages_to_install=[], install_kfp_package=False)
def bring(model: str, merged: Output[Model]):
    import shutil
    from swift_lib.core.manifest import write_manifest

    shutil.copytree(model, merged.path)
    write_manifest(merged.path, stage="bring", arguments={{}}, seconds=1.0)

@dsl.pipeline(name="theirs")
def theirs(model: str, tokens: int = 8, track_uri: str = "none", track_experiment: str = "theirs"):
    brought = bring(model=model)
    arguments = {{"infer_backend": "transformers", "temperature": 1.0}}
    serve(merged=brought.outputs["merged"], serve_max_tokens=tokens, track_uri=track_uri, arguments=arguments)

compiler.Compiler().compile(theirs, "theirs.yaml")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder outside the tree with a compiled pipeline in it."""
    folder = tmp_path_factory.mktemp("theirs")
    component = ROOT / "components" / "serve" / "component.yaml"
    (folder / "theirs.py").write_text(THEIRS.format(component=str(component)))
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "theirs.py"], cwd=folder, env=without, check=True)
    return folder


@pytest.fixture
def submit(place, tiny_model):
    """Start the pipeline; its output goes to a file."""
    started = []

    def start(name):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SWIFT_GRACE_SECONDS": "5"}
        for variable in ("KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT", "MLFLOW_TRACKING_URI", "KFP_RUN_ID"):
            environment.pop(variable, None)
        command = [sys.executable, "-m", "pipelines.submit", "--pipeline", "theirs.yaml", "--run-id", name]
        log = place / f"{name}.log"
        with open(log, "w") as stream:
            process = subprocess.Popen(
                [*command, "--args", f"model={tiny_model}"],
                cwd=place,
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process, log

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


def server_below(pid):
    """The server's process, which leads a session of its own."""
    for each in below(pid):
        try:
            words = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"swift_lib.pipelines.deploy" in words:
            return each
    return None


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_component_serves_there(submit):
    process, log = submit("whole")
    assert process.wait(timeout=300) == 0, log.read_text()[-3000:]
    assert "2 of 2 stages succeeded" in log.read_text()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_too(submit, signum):
    process, log = submit(signum.name)
    deadline = time.monotonic() + 180
    while (server := server_below(process.pid)) is None:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)
    family = below(process.pid)
    assert server in family
    process.send_signal(signum)
    assert process.wait(timeout=60) == 128 + signum, log.read_text()[-3000:]
    assert not [pid for pid in family if alive(pid)]
    assert f"Stopped by {signum.name}" in log.read_text()
