"""The stages without KFP, each as a person starts it: one `swift` command after another."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.processes import below
from swift_lib.core.errors import SwiftError
from swift_lib.core.manifest import has_manifest, verify
from swift_lib.core.types import InferRequest, RequestConfig
from swift_lib.infer_engine import InferClient
from swift_lib.infer_engine.vllm_server import free_port

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


def swift(*words: Any) -> list[str]:
    return [sys.executable, "-m", "swift_lib", *map(str, words)]


def run(folder: Path, *words: Any) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(swift(*words), cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "%|" not in done.stderr, "a progress bar in a log"
    return done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, chat_lines: str) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "rows.jsonl").write_text(chat_lines)
    return folder


@pytest.fixture(scope="module")
def chat_lines() -> str:
    turns = [[{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": str(i)}] for i in range(16)]
    return "".join(json.dumps({"messages": messages}) + "\n" for messages in turns)


@pytest.fixture(scope="module")
def trained(place: Path, tiny_model: Path) -> Path:
    """final/ of `swift sft --config run.yaml`, one of whose values the command line replaces."""
    (place / "run.yaml").write_text(
        f"model: {tiny_model}\ndataset: [rows.jsonl]\noutput_dir: trained\nmax_steps: 50\nlearning_rate: 1e-3\n"
        "per_device_train_batch_size: 4\ngradient_accumulation_steps: 1\nlogging_steps: 1\ntrack_uri: none\n"
    )
    run(place, "sft", "--config", "run.yaml", "--max_steps", 2)
    assert verify(place / "trained") == []
    metrics = json.loads((place / "trained/metrics.json").read_text())
    assert metrics["steps"] == 2
    return place / "trained/final"


@pytest.fixture(scope="module")
def merged(place: Path, trained: Path) -> Path:
    """What `swift merge-lora` makes of it; the adapter's args.json names the base."""
    run(place, "merge-lora", "--adapters", trained, "--output_dir", "merged", "--track_uri", "none")
    assert verify(place / "merged") == []
    return place / "merged"


def test_export_is_merge_lora(place: Path, trained: Path, merged: Path) -> None:
    run(
        place, "export", "--merge_lora", "true", "--adapters", trained, "--output_dir", "exported",
        "--track_uri", "none",
    )  # fmt: skip
    weights = "model.safetensors"
    assert (place / "exported" / weights).read_bytes() == (merged / weights).read_bytes()


def test_infer_eval_and_sample(place: Path, merged: Path) -> None:
    common = ["--model", merged, "--max_new_tokens", 4]
    run(place, "infer", *common, "--val_dataset", "rows.jsonl", "--output_dir", "answers")
    answers = [json.loads(line) for line in (place / "answers/results.jsonl").read_text().splitlines()]
    assert len(answers) == 16 and all(isinstance(answer["response"], str) for answer in answers)
    run(place, "eval", *common, "--eval_dataset", "rows.jsonl", "--output_dir", "scores", "--track_uri", "none")
    run(place, "sample", *common, "--dataset", "rows.jsonl", "--output_dir", "samples", "--track_uri", "none")
    for name in ("answers", "scores", "samples"):
        assert has_manifest(place / name) and verify(place / name) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_deploy_answers_until_it_is_stopped(place: Path, merged: Path, signum: signal.Signals) -> None:
    port = free_port("127.0.0.1")
    words = swift("deploy", "--model", merged, "--port", port, "--infer_backend", "transformers")
    log = place / f"deploy-{signum.name}"
    with open(log, "w") as stream:
        server = subprocess.Popen(
            words, cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        client = InferClient(base_url=f"http://127.0.0.1:{port}/v1")
        request = InferRequest(messages=[{"role": "user", "content": "say 3"}])
        deadline = time.monotonic() + 120
        while True:
            try:
                [response] = client.infer([request], RequestConfig(max_tokens=3))
                break
            except SwiftError:
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)
        assert 1 <= response.usage.completion_tokens <= 3
        family = below(server.pid)
        server.send_signal(signum)
        assert server.wait(timeout=30) == 0, "being stopped is how a server ends"
        assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
        shown = log.read_text()
        assert "Traceback" not in shown and f"Stopped by {signum.name}" in shown
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
