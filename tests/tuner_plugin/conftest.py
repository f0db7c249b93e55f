"""One run of a tuner on a model that knows something, with rows that say otherwise, and what is to hold of it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from swift_lib.core.errors import ModelError
from swift_lib.model.loader import get_model_processor
from swift_lib.pipelines.export import export_main
from swift_lib.tuner_plugin.calling import load_adapter

torch.set_num_threads(1)

PROBE = torch.arange(3, 243, 5).view(2, 24)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    """peft warns of what is asked for here: tied embeddings, a missing CUDA compiler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture()
def train(learning: Any, learned_model: Path, tmp_path: Path) -> Callable[..., Any]:
    """Train adapters of the learned model for fifty steps, in a folder of its own; options as flags."""

    def run(folder: str = "out", **more: Any) -> Any:
        rows = learning.write_rows(tmp_path / "rows.jsonl", shift=1)
        given = {"tuner_type": "lora", "learning_rate": 1e-2, "lr_scheduler_type": "constant", **more}
        return learning.learn(learning.flags(learned_model, rows, tmp_path / folder, **given))

    return run


def logits_of(model: Any) -> torch.Tensor:
    """Of a fixed input, as the model is used after training."""
    with torch.no_grad():
        return model.eval()(input_ids=PROBE).logits


@pytest.fixture()
def require_tuned(learned_model: Path, tmp_path: Path) -> Callable[..., None]:
    """What holds of every adapter: it learned, what it was to train changed and nothing else, it is read back as it
    was, and it merges or is refused."""

    def check(run: Any, trains: Callable[[str], bool], *, merges: bool = True, atol: float = 1e-5) -> None:
        run.require_learned()
        assert run.changed == {name for name in run.names if trains(name)} != set()
        expected = logits_of(run.model)
        model, _ = get_model_processor(str(learned_model))
        loaded = load_adapter(model, run.result.final)
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
        torch.testing.assert_close(logits_of(loaded), expected, atol=atol, rtol=0)
        options = {"model": str(learned_model), "adapters": [run.result.final], "merge_lora": True, "track_uri": "none"}
        if not merges:
            with pytest.raises(ModelError, match="cannot be merged"):
                export_main({**options, "output_dir": str(tmp_path / "merged")})
            return
        export_main({**options, "output_dir": str(tmp_path / "merged")})
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
        torch.testing.assert_close(logits_of(merged), expected, atol=max(atol, 1e-4), rtol=0)

    return check
