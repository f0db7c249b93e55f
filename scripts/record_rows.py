"""Plugin of scripts/kill_test.py: writes down which rows each process really trained, as they are in its batches.

Every row's text holds its number between `#`. One line a micro-batch goes to the file that KILL_TEST_ROWS names, at
once, so that a kill loses nothing.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from swift_lib.core import environment
from swift_lib.trainers.base import BaseTrainer

_step = BaseTrainer.training_step
_NUMBER = re.compile(r"#(\d+)#")


def recording_step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """One backward pass, noted when it is done."""
    loss = _step(self, model, inputs, *args, **kwargs)
    kept = [ids[ids != self.template.tokenizer.pad_token_id] for ids in inputs["input_ids"]]
    rows = [int(number) for ids in kept for number in _NUMBER.findall(self.template.tokenizer.decode(ids))]
    file = Path(f"{environment.get('KILL_TEST_ROWS')}.{environment.rank()}")
    line = json.dumps({"pid": os.getpid(), "step": self.state.global_step, "rows": rows, "loss": float(loss)})
    with open(file, "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    return loss


BaseTrainer.training_step = recording_step  # type: ignore[method-assign]
