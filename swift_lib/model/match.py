"""Which model type and template a path or hub id means."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from swift_lib.core.errors import ModelError
from swift_lib.core.files import ARGS_FILE, write_atomic
from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta
from swift_lib.model.mapping import MODEL_MAPPING

_NAMES = {
    "model_type": str, "template": str, "task_type": str, "num_labels": int, "problem_type": str,
    "positive_token": str, "negative_token": str, "step_mark": str,
}  # fmt: skip


@dataclass(frozen=True)
class Match:
    """A model's type and, where its name is a known one, its group."""

    meta: ModelMeta
    group: ModelGroup | None = None
    saved_template: str | None = None

    def resolved(self) -> ModelMeta:
        """The type's meta with this model's template, patterns and requirements; template None: several fit."""
        meta, group = self.meta, self.group or ModelGroup([])
        template = self.saved_template or group.template or meta.template
        if template is None and len(meta.candidate_templates) == 1:
            template = meta.candidate_templates[0]
        return replace(
            meta,
            template=template,
            ignore_patterns=group.ignore_patterns or meta.ignore_patterns,
            requires=group.requires or meta.requires,
        )


@lru_cache(maxsize=8192)  # every registered id is read for each model that is looked up
def base_name(id_or_path: str) -> str:
    """The model's own name: the last path component, read through the folders that the hubs' caches make."""
    parts = Path(id_or_path.rstrip("/\\")).parts
    for i, part in enumerate(parts[:-2]):
        if part.startswith("models--") and parts[i + 1] == "snapshots":
            return part.rpartition("--")[2]
    # ModelScope's cache writes "___" for ".".
    return (parts[-1] if parts else id_or_path).replace("___", ".")


def match_by_name(id_or_path: str) -> Match | None:
    """The first registered model with the same name (last part of an id or path), in any case of letters."""
    wanted = base_name(id_or_path).lower()
    for meta in MODEL_MAPPING.values():
        for group in meta.model_groups:
            for model in group.models:
                if any(base_name(name).lower() == wanted for name in model.ids):
                    return Match(meta, group)
    return None


def match_model(
    id_or_path: str,
    config: Mapping[str, Any],
    model_type: str | None = None,
    saved: Mapping[str, Any] | None = None,
) -> Match:
    """The type of a model: as named, else by its name, by its args.json, by the architecture in its config.json.

    config: its config.json; saved: what read_model_names found in its folder, the template of which comes first.
    Where --model_type disagrees with the type of a known name, the explicit one counts and the name's group does not.
    Raises ModelError where several types fit, or config.json names no architecture.
    """
    by_name = match_by_name(id_or_path)
    saved = saved or {}
    if by_name and model_type in (None, by_name.meta.model_type):
        return replace(by_name, saved_template=saved.get("template"))
    if model_type or saved.get("model_type"):
        return Match(MODEL_MAPPING[model_type or saved["model_type"]], None, saved.get("template"))
    return replace(_match_by_architecture(id_or_path, config), saved_template=saved.get("template"))


def _match_by_architecture(id_or_path: str, config: Mapping[str, Any]) -> Match:
    architectures = config.get("architectures") or []
    if not architectures:
        raise ModelError("config.json names no architecture", where=id_or_path, fix="give --model_type")
    found = [meta for meta in MODEL_MAPPING.values() if architectures[0] in meta.architectures]
    # An embedding or ranking model shares its architecture with the chat models that are nearly always meant.
    found = [meta for meta in found if meta.task_type is None and not meta.is_reward] or found
    if len(found) > 1:
        raise ModelError(
            f"{architectures[0]} may be any of these model types: {sorted(str(meta.model_type) for meta in found)}",
            where=id_or_path,
            fix="give --model_type",
        )
    if found:
        return Match(found[0])
    # Not a type we know: transformers may load it all the same, and its tokenizer may bring a chat template.
    return Match(ModelMeta(None, [], template="dummy", get_function=TEXT_MODEL, architectures=[architectures[0]]))


def read_model_names(model_dir: str | Path) -> dict[str, Any]:
    """What the args.json beside a model's weights says it is (`_NAMES`, as far as it does); empty where there is none.

    These keys say what a checkpoint of ours is, whatever its folder is called.
    """
    try:
        saved = json.loads((Path(model_dir) / ARGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(saved, dict):
        return {}
    return {key: saved[key] for key, kind in _NAMES.items() if isinstance(saved.get(key), kind) and saved[key]}


def record_model_names(model_dir: str | Path, **names: Any) -> None:
    """Write `names` that are not None into the args.json beside saved weights, so that they load without flags; keeps
    its content.
    """
    path = Path(model_dir) / ARGS_FILE
    saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    saved |= {key: value for key, value in names.items() if value}
    write_atomic(path, (json.dumps(saved, indent=2, ensure_ascii=False) + "\n").encode())
