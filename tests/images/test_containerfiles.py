"""What a Containerfile must hold; building takes minutes and a network and is `make images`."""

import re
import subprocess

import pytest

from pipelines.compile import COMPONENTS, ROOT, compiled_component, documents

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
    [install] = [line for line in instructions(name) if "pip install" in line]
    assert "-r /tmp/lock.txt" in install
    assert install.count("pip install") == install.count("pip install --no-deps") == 3


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


def test_build_script_is_posix_shell():
    assert subprocess.run(["sh", "-n", str(ROOT / "images" / "build.sh")], check=False).returncode == 0


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
