"""Everything that a preprocessed dataset depends on, by content: its hash is the key under which it is found again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swift_lib.core.files import sha256_file
from swift_lib.core.manifest import MANIFEST, content_hash, installed_versions
from swift_lib.dataset.artifact import FORMAT
from swift_lib.dataset.loader import Part
from swift_lib.model.match import read_model_names
from swift_lib.model.source import locate
from swift_lib.pipelines.row_encoder import EncoderSpec

# What decides how text becomes tokens. Weights, and what is written anew with every save, do not.
_TOKENIZER_FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.py")
_NOT_TOKENIZER = (MANIFEST, "args.json", "generation_config.json", "model.safetensors.index.json", "trainer_state.json")
# Options that do not reach a row's tokens: where a model comes from, how rows are put in one batch.
_NOT_IN_TOKENS = ("local_files_only", "pad_token", "padding_side")
# The code between a row and its tokens: a change in any of these files makes older results stale.
_CODE = (
    "agent_template",
    "dataset",
    "loss_scale",
    "model",
    "template",
    "pipelines/preprocess.py",
    "pipelines/row_encoder.py",
)


def ingredients_of(args: Any, spec: EncoderSpec, parts: Sequence[Part]) -> dict[str, Any]:
    """Rows, options, tokenizer, template, plugins, code: no path, no date, nothing that only changes the speed."""
    folder = locate(
        spec.model,
        revision=args.model.model_revision,
        local_files_only=args.model.local_files_only,
        with_weights=False,
    )
    root = Path(__file__).resolve().parents[1]
    code = [
        path for name in _CODE for path in ([root / name] if (root / name).is_file() else (root / name).rglob("*.*"))
    ]
    versions = installed_versions()
    data = asdict(args.data)
    return {
        "format": FORMAT,
        "rows": [{key: value for key, value in part.summary().items() if key != "dataset"} for part in parts],
        "options": {name: data[name] for name in ("split_dataset_ratio", "data_seed", "columns", "max_drop_rate")},
        "tokenizer": _hashes(folder, _tokenizer_files(folder)),
        "names": read_model_names(folder),
        "template": {"name": spec.template, **_without(_NOT_IN_TOKENS, spec.template_options)},
        "processor": _without(_NOT_IN_TOKENS, spec.processor_options),
        "plugins": [_plugin(path) for path in spec.plugins],
        "code": content_hash(_hashes(root, sorted(path for path in code if path.suffix in (".py", ".json")))),
        "libraries": {name: versions.get(name) for name in ("transformers", "tokenizers", "pyarrow")},
    }


def _without(names: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in names}


def _plugin(path: str) -> Any:
    """A plugin's content: of the file, of every file of a folder; an installed module is known by its name only."""
    place = Path(path).expanduser()
    if place.is_dir():
        return _hashes(place, sorted(place.rglob("*.py")))
    return sha256_file(place) if place.is_file() else path


def _tokenizer_files(folder: Path) -> list[Path]:
    found = {path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern)}
    return sorted(path for path in found if path.name not in _NOT_TOKENIZER and path.is_file())


def _hashes(folder: Path, files: Sequence[Path]) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
