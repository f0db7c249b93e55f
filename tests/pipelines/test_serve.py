import json
from pathlib import Path

import pytest

from swift_lib.core.manifest import verify
from swift_lib.pipelines.serve import serve_main

pytestmark = pytest.mark.integration  # loads torch in a process of its own


def test_serve_falls_back_and_says_why(tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    result = serve_main(
        {
            "model": str(tiny_model), "output_dir": str(tmp_path / "out"), "serve_max_tokens": 8, "track_uri": "none",
            "vllm_python": "/no/such/python", "temperature": 1.0, "serve_questions": ["one?", "two?", "three?"],
        }
    )  # fmt: skip
    assert result.server_engine == "transformers"
    assert "/no/such/python" in caplog.text and "instead of vLLM" in caplog.text
    summary = json.loads((tmp_path / "out" / "serve.json").read_text())
    assert summary["server_engine"] == "transformers"
    assert summary["fallback_reason"]
    assert [answer["question"] for answer in summary["answers"]] == ["one?", "two?", "three?"]
    assert all(answer["answer"].strip() for answer in summary["answers"])
    assert result.metrics["server_tokens_per_second"] > 0
    assert (tmp_path / "out" / "server.log").is_file()
    assert verify(tmp_path / "out") == []
