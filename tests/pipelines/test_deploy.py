import urllib.request
from pathlib import Path

import pytest

from swift_lib.arguments import DeployArguments
from swift_lib.core.errors import EngineError
from swift_lib.core.types import InferRequest, RequestConfig
from swift_lib.infer_engine import InferClient
from swift_lib.pipelines.deploy import run_deploy

pytestmark = pytest.mark.integration  # each test loads torch in a process of its own


def test_a_server_of_its_own(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWIFT_API_KEY", "word")
    args = DeployArguments(model=str(tiny_model), port=0, served_model_name="mine", max_new_tokens=3)
    with run_deploy(args, log_file=tmp_path / "log") as server:
        client = InferClient(base_url=f"{server.url}/v1", api_key="word")
        assert client.models == ["mine"]
        request = InferRequest(messages=[{"role": "user", "content": "hello"}])
        assert client.infer([request], RequestConfig(temperature=0))[0].usage.completion_tokens <= 3
        with pytest.raises(EngineError, match="API key"):
            InferClient(base_url=f"{server.url}/v1").infer([request])
    with pytest.raises(OSError):
        urllib.request.urlopen(f"{server.url}/health", timeout=2)
    assert not server.process.alive()


def test_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    args = DeployArguments(model=str(tmp_path / "model"), port=0)
    with (
        pytest.raises(EngineError, match=r"(?s)ended with status 1.*config"),
        run_deploy(args, log_file=tmp_path / "log"),
    ):
        pass


def test_adapters_are_refused_for_vllm(tmp_path: Path) -> None:
    args = DeployArguments(model="model", adapters=["adapter"], infer_backend="vllm")
    with pytest.raises(EngineError, match="merge them first"), run_deploy(args, log_file=tmp_path / "log"):
        pass
