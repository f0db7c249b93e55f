"""Model folders that hold a config only."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture()
def config_folder(tmp_path: Path) -> Any:
    """Make a folder of that name whose config.json names that architecture."""

    def make(name: str, architecture: str | None = "Qwen2ForCausalLM", **config: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        config = {"architectures": [architecture] if architecture else None, "model_type": "qwen2", **config}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder

    return make
