"""What a Containerfile must hold; building takes minutes and a network and is `make images`."""

import os
import re
import subprocess

import pytest

from pipelines.compile import COMPONENTS, ROOT, compiled_component, documents
from swift_lib import __version__

IMAGES = ("pipeline", "train", "vllm")
GENTLE = re.compile(r"apt-get install -y --no-install-recommends")


def text_of(name):
    return (ROOT / "images" / f"{name}.Containerfile").read_text(encoding="utf-8")


def instructions(name):
    joined = text_of(name).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("name", IMAGES)
def test_base_can_be_replaced(name):
    assert instructions(name)[0].startswith("ARG BASE_IMAGE=")
    assert instructions(name)[1] == "FROM ${BASE_IMAGE}"


@pytest.mark.parametrize("name", IMAGES)
def test_runs_as_an_ordinary_user(name):
    assert [line for line in instructions(name) if line.startswith("USER")] == ["USER 1000:0"]


@pytest.mark.parametrize("name", IMAGES)
def test_packages_come_from_a_complete_lock(name):
    installs = [line for line in instructions(name) if "pip install" in line]
    assert sum("-r /tmp/lock.txt" in line for line in installs) == 1
    assert "/tmp/source" in installs[-1], "our own code comes last, so that a change of it keeps the other layers"
    joined = "\n".join(installs)
    assert joined.count("pip install") == joined.count("pip install --no-deps") == 4


@pytest.mark.parametrize("name", IMAGES)
def test_has_what_kfps_command_calls(name):
    [install] = [line for line in instructions(name) if GENTLE.search(line)]
    assert "python3 " in install
    assert "rm -rf /var/lib/apt/lists" in install


@pytest.mark.parametrize("lock", ["pipeline", "cuda-train", "cuda-vllm"])
def test_lock_holds_the_kfp_that_the_project_pins(lock):
    wanted = re.search(r"kfp==([\d.]+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = (ROOT / "locks" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    assert f"kfp=={wanted.group(1)}" in pins


BUILD = ROOT / "images" / "build.sh"
ENGINE = """#!/bin/sh
if [ "$1" = build ]; then
    for word; do context=$word; done
    echo "build: $*"
    (cd "$context" && find . -type f | sort | grep -v -e swift_lib -e locks)
    find "$context" -name __pycache__ -o -name outputs -o -name '.venv*'
fi
"""


@pytest.fixture()
def build(tmp_path):
    """Run build.sh with an engine that prints what it is asked for."""
    engine = tmp_path / "engine"
    engine.write_text(ENGINE)
    engine.chmod(0o755)

    def run(*words, **variables):
        environment = {"PATH": os.environ["PATH"], "ENGINE": str(engine), **variables}
        return subprocess.run(["sh", str(BUILD), *words], env=environment, capture_output=True, text=True, check=False)

    return run


def test_build_script_hands_on_options_and_only_what_images_take(build):
    done = build("train", "--", "--network", "host", "--volume", "/a b:/c:ro")
    assert done.returncode == 0, done.stderr
    first, *files, last = done.stdout.splitlines()
    assert first.startswith("build: build --network host --volume /a b:/c:ro --file images/train.Containerfile")
    assert "LOCK=locks/pipeline.txt" in first
    assert "TORCH=torch==" in first
    assert files == ["./LICENSE", "./README.md", "./pyproject.toml"]
    assert last == f"images: swift-train-python:{__version__} is built (cpu)"


def test_build_script_makes_all_images_of_a_variant(build):
    done = build(VARIANT="cuda", PREFIX="registry.example/team/", TAG="7", TORCH_INDEX="https://index.example/cpu")
    builds = [line for line in done.stdout.splitlines() if line.startswith("build:")]
    tags = [re.search(r"--tag (\S+)", line).group(1) for line in builds]
    assert tags == [f"registry.example/team/swift-{name}-python:7" for name in IMAGES]
    assert ["LOCK=locks/cuda-train.txt --build-arg TORCH= " in line for line in builds] == [False, True, False]
    assert all("TORCH_INDEX=https://index.example/cpu" in line for line in builds)


@pytest.mark.parametrize(
    ("words", "variables", "message"),
    [
        (["--network", "host"], {}, "there is no image --network (options of the engine go behind --)"),
        (["other"], {}, "there is no image other"),
        ([], {"VARIANT": "tpu"}, "VARIANT is tpu; it may be cpu or cuda"),
    ],
)
def test_build_script_refuses(build, words, variables, message):
    done = build(*words, **variables)
    assert done.returncode == 1
    assert message in done.stderr


def test_lock_files_exist():
    script = (ROOT / "images" / "build.sh").read_text(encoding="utf-8")
    names = set(re.findall(r"locks/[\w-]+\.txt", script))
    assert len(names) == 3
    assert [name for name in names if not (ROOT / name).is_file()] == []


def test_torch_is_the_one_of_the_set_up():
    [version] = set(re.findall(r"torch==([\d.]+)", text_of("pipeline") + (ROOT / "images/build.sh").read_text()))
    assert f"torch_version={version}" in (ROOT / "scripts" / "setup.sh").read_text()


def test_every_component_runs_on_one_of_the_images():
    used = set()
    for stage in COMPONENTS:
        [executor] = documents(compiled_component(stage))[0]["deploymentSpec"]["executors"].values()
        used.add(re.fullmatch(r"swift-(\w+)-python:[\w.]+", executor["container"]["image"]).group(1))
    assert used == set(IMAGES)
