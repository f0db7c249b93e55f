"""What `swift sft` tells of tokens beside the loss, from the rows of a file to the log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.errors import ArgumentError, DataError

Learn = Callable[..., Any]


@pytest.fixture()
def rows(tmp_path: Path) -> Callable[..., str]:
    """Rows, every second of channel b where channels are asked for."""

    def write(channels: bool) -> str:
        path = tmp_path / "channels.jsonl"
        words = ["red", "blue", "green", "black"]
        chats = [[{"role": "user", "content": f"say {word}"}, {"role": "assistant", "content": word}] for word in words]
        lines = [{"messages": chat, **({"channel": "ab"[i % 2]} if channels else {})} for i, chat in enumerate(chats)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return str(path)

    return write


@pytest.mark.parametrize("packing", [False, True])
def test_a_column_of_the_rows_tells_losses_apart(rows: Callable[..., str], learn: Learn, packing: bool) -> None:
    run = learn(dataset=[rows(True)], enable_channel_loss=True, packing=packing, max_steps=1)
    logged = next(entry for entry in run.history if "loss" in entry)
    assert {key for key in logged if key.startswith("loss")} == {"loss", "loss_a", "loss_b"}


def test_rows_without_channels_are_refused(rows: Callable[..., str], learn: Learn) -> None:
    with pytest.raises(DataError, match=r"no row has a channel.*--enable_channel_loss.*leave the option out"):
        learn(dataset=[rows(False)], enable_channel_loss=True)


def test_a_loss_or_metric_of_another_task_is_refused(learn: Learn) -> None:
    """The task stands in the model's files."""
    with pytest.raises(ArgumentError) as caught:
        learn(loss_type="infonce", eval_metric="reranker")
    assert caught.value.problems == (
        "--loss_type: 'infonce' is for embedding, not for causal_lm; give cross_entropy",
        "--eval_metric: 'reranker' is for reranker and generative_reranker, not for causal_lm; give acc or nlg",
    )
