"""The documents' tuner, in both forms, in a training with --external_plugins and in what comes after."""

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config

from swift_lib import InferRequest, RequestConfig
from swift_lib.core import plugins
from swift_lib.core.errors import ModelError
from swift_lib.infer_engine.transformers_engine import TransformersEngine
from swift_lib.pipelines.export import export_main
from swift_lib.tuner_plugin import tuners_map

torch.set_num_threads(1)
OPTIONS = {"learning_rate": 3e-2, "lr_scheduler_type": "constant"}


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(tuners_map, "_entries", dict(tuners_map._entries))
    monkeypatch.setattr(plugins, "_loaded", {})
    yield


@pytest.fixture()
def train(learning: Any, learned_model: Path, tmp_path: Path) -> Callable[..., Any]:
    def run(folder: str = "out", **more: Any) -> Any:
        rows = learning.write_rows(tmp_path / "rows.jsonl", shift=1)
        return learning.learn(learning.flags(learned_model, rows, tmp_path / folder, **OPTIONS, **more))

    return run


@pytest.mark.parametrize(("file", "name"), [("ia3.py", "ia3"), ("ia3_english.py", "ia3_documented")])
def test_the_block_trains_under_the_built_in_name_or_another(
    file: str, name: str, files: Path, train: Callable[..., Any], learned_model: Path, tmp_path: Path
) -> None:
    plugin = [str(files / file)]
    run = train(tuner_type=name, external_plugins=plugin)
    run.require_learned()
    assert run.changed == {parameter for parameter in run.names if ".ia3_l." in parameter}
    config = run.model.peft_config["default"]
    assert isinstance(config, IA3Config) and config.feedforward_modules == ".*mlp.*"
    assert config.target_modules == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
    }  # fmt: skip
    merged = export_main({"model": str(learned_model), "adapters": [run.result.final], "merge_lora": True,
                          "external_plugins": plugin, "output_dir": str(tmp_path / "merged"),
                          "track_uri": "none"})  # fmt: skip
    request = InferRequest([{"role": "user", "content": "say red"}])
    replies = []
    for engine in (TransformersEngine(learned_model, adapters=[run.result.final]),
                   TransformersEngine(merged.output_dir)):  # fmt: skip
        [answer] = engine.infer([request], RequestConfig(max_tokens=8, temperature=0))
        replies.append(answer.choices[0].token_ids)
    assert replies[0] == replies[1]


def test_a_checkpoint_of_the_block_is_gone_on_from(files: Path, train: Callable[..., Any]) -> None:
    options = {"tuner_type": "ia3_documented", "external_plugins": [str(files / "ia3_english.py")], "max_steps": 4}
    whole = train("whole", **options, save_steps=2)
    checkpoint = str(Path(whole.result.output_dir) / "checkpoint-2")
    resumed = train("resumed", **options, save_steps=2, resume_from_checkpoint=checkpoint)
    ours, theirs = (dict(run.model.named_parameters()) for run in (whole, resumed))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    further = train("further", **options | {"max_steps": 1}, adapters=[whole.result.final], logging_steps=1)
    assert further.result.metrics["first_loss"] < 0.95 * whole.result.metrics["first_loss"]


def test_an_adapter_of_a_tuner_that_is_not_there_names_the_flag(
    files: Path, train: Callable[..., Any], learned_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(tuner_type="ia3_documented", external_plugins=[str(files / "ia3_english.py")], max_steps=1)
    del tuners_map._entries["ia3_documented"]
    with pytest.raises(ModelError, match="made with the tuner 'ia3_documented'") as caught:
        TransformersEngine(learned_model, adapters=[run.result.final])
    assert "--external_plugins" in caught.value.fix


def test_the_english_page_has_the_same_lines(files: Path, shared: Path) -> None:
    """Its stored form has lost all indentation."""
    page = (shared / "documents" / "pluginization-3.0-en.txt").read_text(encoding="utf-8").splitlines()
    start, last = page.index("class IA3(Tuner):"), "return PeftModel.from_pretrained(model, model_id, **kwargs)"
    theirs = [line for line in page[start : page.index(last) + 1] if line.strip()]
    text = (files / "ia3_english.py").read_text(encoding="utf-8")
    ours = [line.strip() for line in text.splitlines() if line.strip()]
    names = ("pluginization-3.0-en.txt", "tests/data/documents/ia3_english.py")
    found = "\n".join(difflib.unified_diff(theirs, ours, *names, n=0, lineterm="")) + "\n"
    assert found == (files / "ia3_english.diff").read_text(encoding="utf-8")
