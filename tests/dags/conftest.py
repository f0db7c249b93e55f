"""A toy pipeline that behaves as told: two stages and the real exit task, run by the real submit command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kfp import compiler, dsl
from kfp.dsl import Artifact, Input, Output

from components.finish.component import finish

ROOT = Path(__file__).resolve().parents[2]


@dsl.component(base_image="python:3.11", packages_to_install=[], install_kfp_package=False)
def first(result: Output[Artifact], behaviour: str, notes: str):
    from pathlib import Path

    from swift_lib.core.manifest import has_manifest, write_manifest

    folder = Path(result.path)
    with open(Path(notes) / "tries", "a") as stream:
        stream.write("first\n")
    if has_manifest(folder):
        return
    folder.mkdir(parents=True)
    (folder / "text").write_text(behaviour)
    write_manifest(folder, stage="first", arguments={"behaviour": behaviour}, seconds=0.5)


@dsl.component(base_image="python:3.11", packages_to_install=[], install_kfp_package=False)
def second(source: Input[Artifact], result: Output[Artifact], behaviour: str, notes: str):
    import os
    import signal
    import subprocess
    import sys
    import time
    from pathlib import Path

    from swift_lib.core.manifest import write_manifest

    folder, notes_folder = Path(result.path), Path(notes)
    if behaviour == "fail":
        sys.exit("the moon is in the way")
    if behaviour == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour in ("serve", "leave"):
        # A server in a session of its own that holds our output and does not react to SIGTERM.
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
        server = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        (notes_folder / "pids").write_text(f"{os.getpid()} {server.pid}")
    if behaviour == "serve":
        time.sleep(600)
    if behaviour != "nothing":
        folder.mkdir(parents=True)
        (folder / "text").write_text(behaviour)
        write_manifest(folder, stage="second", arguments={}, seconds=1.0)
    if behaviour == "damage":
        (folder / "text").write_text("something else")


@dsl.pipeline(name="toy")
def toy(behaviour: str, notes: str, track_uri: str = "none", track_experiment: str = "toy"):
    closing = finish(stages=["first", "second"], track_uri=track_uri, track_experiment=track_experiment)
    closing.set_caching_options(False)
    with dsl.ExitHandler(closing):
        made = first(behaviour=behaviour, notes=notes)
        second(source=made.outputs["result"], behaviour=behaviour, notes=notes)


@pytest.fixture(scope="session")
def toy_yaml(tmp_path_factory):
    path = tmp_path_factory.mktemp("toy") / "toy.yaml"
    compiler.Compiler().compile(toy, str(path))
    return path


@pytest.fixture
def submit(toy_yaml, tmp_path):
    """Start `submit` on the toy in a folder of its own: submit(behaviour, *options) -> Popen."""
    started = []

    def start(behaviour, *options, environment=None):
        command = [sys.executable, "-m", "pipelines.submit", "--pipeline", str(toy_yaml)]
        words = f"behaviour={behaviour} notes={tmp_path}"
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        for name in ("KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT", "MLFLOW_TRACKING_URI"):
            if name not in (environment or {}):
                variables.pop(name, None)
        process = subprocess.Popen(
            [*command, "--args", words, *options],
            cwd=tmp_path,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
