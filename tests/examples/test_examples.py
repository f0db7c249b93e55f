"""The commands of examples/*/README.md, run as they are written, on the tiny model."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from swift_lib.callbacks import extra_callbacks
from swift_lib.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)

# What the last lines of a folder's page are there to show: parts of what is printed or logged.
SHOWN = {
    "custom_template": [
        "Answer in one word.\n  \n  Q: Capital of Kenya?\n  A: [[Nairobi<|im_end|>]]",
        "Answer in French.",
    ],
    "custom_agent_template": [
        '[[<call>{"name": "weather", "arguments": {"city": "Oslo"}}</call>\n  <call>',
        "<result>16.5</result>",
    ],
    "custom_loss_scale": [
        "eggs.\n  ]] weight 0.5[[#### ]][[24]] weight 3",
        "[[4 boxes hold 4*6=]]<<4*6=24>>[[24 eggs.",
    ],
    "custom_dataset": ["What do bees make?<|im_end|>\n  <|im_start|>assistant\n  [[Honey.", "asked/train: format"],
    "tool_calls": ['[[<tool_call>\n  {"name": "weather"', "weight 2"],
    "packing": ["12 rows in "],
    "classifier": ["eval_acc ", "eval_f1 "],
    "embedding": ["eval_mean_pos ", "eval_margin "],
    "reranker": ["eval_mrr ", "eval_ndcg "],
    "process_reward": ["eval_step_acc "],
    "custom_callback": ["40 steps of full training begin", ": the loss has halved to "],
    "custom_optimizer": ["rates by depth: {0: ", "a cosine of 10 steps, again and again, over 8 rows", "step 5/5"],
    "custom_tuner": ["training 320 of ", "/norms/final: logits within 0 of base with adapter"],
    "lora_llm_full_vit": ["step 5/5", "merged "],
    "custom_loss": ["step 3/3", "is not used: give --loss_type", "--loss_type smoothed or --loss_type sum_of_tokens"],
    "distributed": ["step 2/2"],
    "custom_metric": ["eval_right_rows", "eval_longest"],
}


def commands(folder: str) -> list[list[str]]:
    """The lines of the shell blocks of a folder's page, each as words."""
    blocks = BLOCK.findall((EXAMPLES / folder / "README.md").read_text(encoding="utf-8"))
    return [shlex.split(line) for block in blocks for line in block.replace("\\\n", "").splitlines()]


def test_every_folder_is_tried() -> None:
    assert set(SHOWN) == {path.parent.name for path in EXAMPLES.glob("*/README.md")}


@pytest.mark.parametrize("folder", SHOWN)
def test_the_commands_do_what_the_page_says(
    folder: str,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    vision_model: Callable[[str], Path],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    places = {"outputs/demo/base": str(tiny_model), "outputs/examples": str(tmp_path)}
    if "vision" in str(commands(folder)):
        places["Qwen/Qwen2.5-VL-3B-Instruct"] = str(vision_model("qwen2_5_vl"))
    for program, *words in commands(folder):
        assert program == "swift"
        for written, place in places.items():
            words = [word.replace(written, place) for word in words]
        assert main(words) == 0, capsys.readouterr().err
    extra_callbacks.clear()  # of a folder's plugin, in this process
    printed = capsys.readouterr().out + caplog.text
    for part in SHOWN[folder]:
        assert part in printed
