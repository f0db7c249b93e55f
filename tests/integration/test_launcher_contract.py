"""A component's command, run as KFP's launcher runs it on a cluster: numbers as doubles, outputs under a uuid."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.compile import ROOT, documents

pytestmark = pytest.mark.integration


def artifact(name, kind, path):
    return {"artifacts": [{"name": name, "type": {"schemaTitle": kind}, "uri": str(path), "metadata": {}}]}


def test_preprocess_runs_under_a_launcher(tmp_path, tiny_model):
    spec = documents((ROOT / "components" / "preprocess" / "component.yaml").read_text())[0]
    [executor] = spec["deploymentSpec"]["executors"].values()
    messages = [{"role": "user", "content": "say red"}, {"role": "assistant", "content": "red"}]
    rows = tmp_path / "rows.jsonl"
    rows.write_text((json.dumps({"messages": messages}) + "\n") * 4)
    folder = tmp_path / "run-1" / "preprocess" / "a-b-c-d-e"
    handed = {
        "inputs": {
            "parameterValues": {
                "model": str(tiny_model),
                "model_type": "qwen2",
                "dataset": [str(rows)],
                "max_length": 128.0,
                "seed": 7.0,
                "track_uri": "none",
                "arguments": {"dataset_num_proc": 1.0},
            }
        },
        "outputs": {
            "artifacts": {
                "tokens": artifact("tokens", "system.Dataset", folder / "tokens"),
                "preview": artifact("preview", "system.HTML", folder / "preview"),
                "summary": artifact("summary", "system.Metrics", folder / "summary"),
            },
            "outputFile": str(tmp_path / "output.json"),
        },
    }
    command = [*executor["container"]["command"], *executor["container"]["args"]]
    command = [word.replace("{{$}}", json.dumps(handed)) for word in command]
    # In the image, `python3` is the one that has everything.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "KFP_RUN_ID": "run-1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    arguments = json.loads((folder / "tokens" / "args.json").read_text())
    assert (arguments["max_length"], arguments["seed"], arguments["track_run_key"]) == (128, 7, "run-1")
    given_back = json.loads((tmp_path / "output.json").read_text())["artifacts"]["summary"]["artifacts"][0]
    assert given_back["metadata"]["rows_in"] == 4
    assert Path(folder / "preview").read_text().lower().startswith("<!doctype html")
