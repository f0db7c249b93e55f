"""The committed YAML of the components: current, strict, usable by somebody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines import compile as compiling
from pipelines.compile import COMPONENTS, ROOT

FOREIGN = """
from pathlib import Path
from kfp import compiler, components, dsl

load = lambda name: components.load_component_from_file(str(Path({root!r}) / "components" / name / "component.yaml"))
preprocess, train, merge_lora = load("preprocess"), load("train"), load("merge_lora")

@dsl.pipeline(name="theirs")
def theirs(model: str, rows: list):
    tokens = preprocess(model=model, dataset=rows, max_length=512)
    trained = train(tokens=tokens.outputs["tokens"], model=model, lora_rank=4, arguments={{"weight_decay": 0.2}})
    merge_lora(trained=trained.outputs["trained"], model=model)

compiler.Compiler().compile(theirs, "theirs.yaml")
"""


def text_of(stage):
    return (ROOT / "components" / stage / "component.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", COMPONENTS)
def test_committed_yaml_is_current(stage):
    assert text_of(stage) == compiling.compiled_component(stage, literals=True)


@pytest.mark.parametrize("stage", COMPONENTS)
def test_ir_parses_strictly(stage):
    document = compiling.documents(text_of(stage))[0]
    spec = json_format.ParseDict(document, pipeline_spec_pb2.PipelineSpec())
    for executor in document["deploymentSpec"]["executors"].values():
        json_format.ParseDict(executor, pipeline_spec_pb2.PipelineDeploymentConfig.ExecutorSpec())
    assert spec.pipeline_info.name == stage.replace("_", "-")


@pytest.mark.parametrize("stage", COMPONENTS)
def test_nothing_is_installed_at_run_time(stage):
    assert "pip install" not in text_of(stage)
    assert "pip3" not in text_of(stage)


@pytest.mark.parametrize("stage", COMPONENTS)
def test_every_input_is_described(stage):
    inputs = compiling.documents(text_of(stage))[0]["root"]["inputDefinitions"]["parameters"]
    assert all(entry.get("description") for entry in inputs.values() if entry["parameterType"] != "TASK_FINAL_STATUS")


def test_choices_become_a_drop_down_with_the_stand_in_for_none():
    inputs = compiling.documents(text_of("train"))[0]["root"]["inputDefinitions"]["parameters"]
    assert inputs["torch_dtype"]["literals"] == ["", "bfloat16", "float16", "float32"]
    assert inputs["torch_dtype"]["defaultValue"] == ""


def test_names_of_a_registry_stay_open_to_plugins():
    inputs = compiling.documents(text_of("train"))[0]["root"]["inputDefinitions"]["parameters"]
    assert "literals" not in inputs["template"]


def test_literals_can_be_left_out():
    assert "literals" not in compiling.compiled_component("train", literals=False)


@pytest.mark.parametrize("stage", COMPONENTS)
def test_body_only_calls_the_library(stage):
    source = (ROOT / "components" / stage / "component.py").read_text(encoding="utf-8")
    body = source.rpartition('"""')[2].strip().splitlines()
    assert body[0] == "values = dict(locals())"
    assert sum(1 for line in body if line.strip()) == 3


def test_components_load_in_somebody_elses_pipeline(tmp_path):
    script = tmp_path / "theirs.py"
    script.write_text(FOREIGN.format(root=str(ROOT)))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    compiled = next(yaml.safe_load_all((tmp_path / "theirs.yaml").read_text()))
    assert set(compiled["deploymentSpec"]["executors"]) == {"exec-preprocess", "exec-train", "exec-merge-lora"}


def test_readme_tables_are_current():
    for path, text in compiling.outputs(Path("/nowhere")).items():
        if path.name == "README.md":
            assert path.read_text(encoding="utf-8") == text, f"{path} is not current; run `make compile`"
