"""What an adapter or a model was made with: the args.json beside it, below everything that the user says."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift_lib.arguments.coerce import as_words
from swift_lib.arguments.store import ARGS_FILE

logger = logging.getLogger(__name__)

# What a model must be used with as it was trained, and its weights do not show. Never what runs code (plugins, remote
# code): the folder may be somebody else's.
INHERITED = (
    "model_type",
    "model_revision",
    "torch_dtype",
    "rope_scaling",
    "max_model_len",
    "pad_token",
    "template",
    "system",
    "agent_template",
    "use_chat_template",
    "response_prefix",
    "task_type",
    "num_labels",
    "problem_type",
    "positive_token",
    "negative_token",
    "step_mark",
)


def stored_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Inherited values for the flat names that are not in `given`.

    They are those of the first adapter, which also tells its base model, else of the model; local folders only. A
    checkpoint's are in the output folder that it lies in.
    """
    adapters = as_words(given.get("adapters"))
    source = adapters[0].rpartition("=")[2] if adapters else given.get("model")
    stored = _read(Path(str(source))) if source else {}
    names = ("model", *INHERITED) if adapters else INHERITED
    found = {name: stored[name] for name in names if stored.get(name) not in (None, "") and name not in given}
    if found:
        logger.info("as %s was made: %s", source, ", ".join(f"{name} {value}" for name, value in found.items()))
    return found


def _read(folder: Path) -> dict[str, Any]:
    places = [folder]
    if folder.name == "final" or folder.name.startswith("checkpoint-"):
        places.append(folder.parent)
    for place in places:
        if (place / ARGS_FILE).is_file():
            try:
                stored = json.loads((place / ARGS_FILE).read_text(encoding="utf-8"))
            except ValueError:
                return {}
            return stored if isinstance(stored, dict) else {}
    return {}
