"""The compiled pipeline: strict, deterministic, uncached, safe at its defaults."""

import re

import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines import compile as compiling
from pipelines import local


@pytest.fixture(scope="module")
def text():
    return compiling.compiled_pipeline("sft", literals=True)


@pytest.fixture(scope="module")
def spec(text):
    return compiling.documents(text)[0]


def tasks(spec):
    dags = [spec["root"]["dag"], *(c["dag"] for c in spec["components"].values() if "dag" in c)]
    return {name: task for dag in dags for name, task in dag["tasks"].items() if not name.startswith("exit-handler")}


def test_compiling_twice_gives_the_same_text(text):
    assert text == compiling.compiled_pipeline("sft", literals=True)


def test_ir_parses_strictly(text):
    document, platforms = compiling.documents(text)
    json_format.ParseDict(document, pipeline_spec_pb2.PipelineSpec())
    for executor in document["deploymentSpec"]["executors"].values():
        json_format.ParseDict(executor, pipeline_spec_pb2.PipelineDeploymentConfig.ExecutorSpec())
    for config in platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_stages_stand_in_order_without_the_exit_task(spec):
    stages = local.stages_of(spec)
    assert stages[:3] == ["preprocess", "train", "merge-lora"]
    assert set(stages[3:]) == {"evaluate", "reward-sampling", "serve"}


def test_no_task_is_cached(spec):
    assert not [name for name, task in tasks(spec).items() if task["cachingOptions"].get("enableCache")]


def test_finish_runs_whatever_happened(spec):
    assert spec["root"]["dag"]["tasks"]["finish"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_nothing_is_installed_at_run_time(text):
    assert "pip install" not in text


def test_every_parameter_is_described(spec):
    inputs = spec["root"]["inputDefinitions"]["parameters"]
    assert [name for name, entry in inputs.items() if not entry.get("description")] == []


def test_choices_stand_in_the_pipeline(spec):
    inputs = spec["root"]["inputDefinitions"]["parameters"]
    assert inputs["eval_infer_backend"]["literals"] == ["transformers", "vllm"]


def test_literals_can_be_left_out(monkeypatch):
    monkeypatch.setenv("SWIFT_KFP_LITERALS", "0")
    assert "literals" not in compiling.compiled_pipeline("sft")


def test_every_stage_knows_its_run_and_gpu_stages_have_shared_memory(text):
    executors = compiling.documents(text)[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(config["fieldPathAsEnv"][0]["name"] == "KFP_RUN_ID" for config in executors.values())
    with_gpu = {name for name, config in executors.items() if "emptyDirMounts" in config}
    assert with_gpu == {"exec-train", "exec-evaluate", "exec-reward-sampling", "exec-serve"}
    for name in with_gpu:
        assert executors[name]["emptyDirMounts"][0]["mountPath"] == "/dev/shm"
        assert "tolerations" in executors[name]
        assert "nodeSelector" in executors[name]


def test_what_a_group_hands_down_it_receives(text):
    """What a task or its Kubernetes settings take from the group around it is an input of that group."""
    document, platforms = compiling.documents(text)
    group = next(name for name in document["components"] if name.startswith("comp-exit-handler"))
    inner = document["components"][group]
    declared = set(inner["inputDefinitions"]["parameters"])
    given = set(document["root"]["dag"]["tasks"][group.removeprefix("comp-")]["inputs"]["parameters"])
    executors = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    inside = [inner["dag"], {name: config for name, config in executors.items() if name != "exec-finish"}]
    taken = set(re.findall(r"'componentInputParameter': '([^']+)'", str(inside)))
    assert taken <= declared == given


def test_secrets_are_optional(text):
    executors = compiling.documents(text)[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(secret["optional"] for config in executors.values() for secret in config["secretAsEnv"])


def test_image_names_can_be_set_at_compile_time(monkeypatch):
    from components.images import image

    monkeypatch.setenv("SWIFT_IMAGE_PREFIX", "registry.example/team/")
    monkeypatch.setenv("SWIFT_IMAGE_TAG", "abc")
    assert image("train") == "registry.example/team/swift-train-python:abc"
    monkeypatch.setenv("SWIFT_IMAGE_TRAIN", "registry.example/t-python@sha256:1")
    assert image("train") == "registry.example/t-python@sha256:1"


def test_pipeline_is_far_below_the_workflow_size_limit(text):
    assert len(text) < 120_000


def test_check_names_what_is_not_current(tmp_path, monkeypatch, capsys):
    readme = tmp_path / "components" / "finish" / "README.md"
    stale = compiling.ROOT / "components" / "finish" / "README.md"
    monkeypatch.setattr(compiling, "outputs", lambda out, literals=None: {stale: "other", out / "sft.yaml": "x"})
    assert compiling.main(["--check", "--out", str(tmp_path)]) == 1
    assert "components/finish/README.md" in capsys.readouterr().err
    assert not readme.exists()
