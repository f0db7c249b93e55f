"""What is changed on kfp: a failing container is a failure, and the original functions come back."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
from kfp.local import executor_input_utils, subprocess_task_handler

from pipelines import local_patches
from swift_lib.core.errors import PipelineError


class Container:
    def __init__(self, status):
        self.status, self.removed = status, False

    def logs(self, stream, follow):
        yield b"working\n"
        yield b"over\n"

    def wait(self):
        assert not self.removed, "the status is asked before the container is removed"
        return {"StatusCode": self.status}

    def remove(self, force):
        self.removed = force


class Image:
    tags = ("known:1",)
    attrs: ClassVar = {"RepoDigests": ["known@sha256:1"]}


class Client:
    """The part of docker's client that is used."""

    def __init__(self, status):
        self.container, self.pulled, self.options = Container(status), [], {}
        self.images = self.containers = self

    def list(self):
        return [Image]

    def pull(self, image):
        self.pulled.append(image)

    def run(self, **options):
        self.options = options
        return self.container


@pytest.mark.parametrize("status", [0, 1, 137])
def test_exit_status_of_a_container_is_reported(status):
    client = Client(status)
    code, tail = local_patches.run_docker_container(client, "known:1", ["true"], {}, shm_size="1g")
    assert (code, tail) == (status, ["working", "over"])
    assert client.container.removed
    assert "auto_remove" not in client.options
    assert client.options["shm_size"] == "1g"


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("known:1", []),
        ("known@sha256:1", []),
        ("other:2", ["other:2"]),
        ("other", ["other:latest"]),
        ("host:5000/other", ["host:5000/other:latest"]),
    ],
)
def test_image_is_pulled_only_where_it_is_not_there(image, pulled):
    client = Client(0)
    local_patches.run_docker_container(client, image, ["true"], {})
    assert client.pulled == pulled


def test_patches_are_undone():
    before = (subprocess_task_handler.run_local_subprocess, executor_input_utils.get_local_pipeline_resource_name)
    with pytest.raises(ZeroDivisionError), local_patches.patched([], grace=1.0):
        assert subprocess_task_handler.run_local_subprocess is not before[0]
        assert executor_input_utils.get_local_pipeline_resource_name("sft") == "sft"
        raise ZeroDivisionError
    after = (subprocess_task_handler.run_local_subprocess, executor_input_utils.get_local_pipeline_resource_name)
    assert after == before


def test_other_version_of_kfp_is_refused(monkeypatch):
    monkeypatch.setattr(local_patches.kfp, "__version__", "2.18.0")
    with pytest.raises(PipelineError, match=r"this is kfp 2\.18\.0"), local_patches.patched([], grace=1.0):
        pass


def test_subprocess_task_is_recorded_by_name():
    records = []
    outputs = json.dumps({"outputs": {"outputFile": "/runs/r/sft/merge-lora/executor_output.json"}})
    with local_patches.patched(records, grace=1.0):
        code = subprocess_task_handler.run_local_subprocess(["sh", "-c", "echo said; exit 3", "sh", outputs])
    assert code == 3
    [record] = records
    assert (record.name, record.folder) == ("merge-lora", Path("/runs/r/sft/merge-lora"))
    assert (record.return_code, record.tail) == (3, ["said"])
