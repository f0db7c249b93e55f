"""`swift data show <folder>`: what a preprocessed dataset holds, and a few rows as the model will see them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from swift_lib.core.errors import ArgumentError, ModelError

USAGE = "swift data show <output folder of swift preprocess> [--rows 3] [--model <tokenizer>]"
_SPLITS = ("train", "validation")


def main(words: Sequence[str]) -> None:
    """Print counts and lengths of each split, then rows with the trained text in [[ ]]."""
    folder, rows, model = _read(list(words))
    from swift_lib.dataset.artifact import TokenDataset

    decode = _decoder(model or _stored_model(folder)) if rows else str
    for part in [folder / name for name in _SPLITS if (folder / name).is_dir()] or [folder]:
        dataset = TokenDataset.open(part)
        facts = {
            key: value for key, value in dataset.manifest["dataset"].items() if isinstance(value, str | int | float)
        }
        print(f"{part}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))
        print(f"  lengths: {json.dumps(dataset.manifest['dataset']['lengths'])}")
        for index in range(min(rows, len(dataset))):
            ids, spans, row_id = dataset.row(index)
            print(f"\n  row {index} (input row {row_id}, {len(ids)} tokens)")
            print("  " + _marked(ids.tolist(), spans, decode).replace("\n", "\n  "))


def _marked(ids: list[int], spans: Sequence[tuple[int, int, float]], decode: Callable[[list[int]], str]) -> str:
    """The row as text; [[ ]] around what is trained, with its weight where that is not 1."""
    text, edge = "", 0
    for start, end, weight in spans:
        shown = "" if weight == 1 else f" weight {weight:g}"
        text += f"{decode(ids[edge:start])}[[{decode(ids[start:end])}]]{shown}"
        edge = end
    return text + decode(ids[edge:])


def _decoder(model: str) -> Callable[[list[int]], str]:
    """From token ids to text, or to the ids themselves where the tokenizer is out of reach."""
    if not model:
        return str
    from swift_lib.model.loader import get_processor

    try:
        processor: Any = get_processor(model)
    except ModelError as error:
        print(f"token ids are shown instead of text: {error}")
        return str
    tokenizer = getattr(processor, "tokenizer", processor)
    return lambda ids: str(tokenizer.decode(ids)) if ids else ""


def _stored_model(folder: Path) -> str:
    for place in (folder, folder.parent):
        if (place / "args.json").is_file():
            return str(json.loads((place / "args.json").read_text(encoding="utf-8")).get("model", ""))
    return ""


def _read(words: list[str]) -> tuple[Path, int, str]:
    options = {"--rows": "3", "--model": ""}
    problems = []
    for name in options:
        if name in words:
            at = words.index(name)
            options[name] = words[at + 1] if at + 1 < len(words) else ""
            del words[at : at + 2]
    if not options["--rows"].isdigit():
        problems.append(f"--rows: expected int, got {options['--rows']!r}")
    if len(words) != 2 or words[0] != "show":
        problems.append(f"expected {USAGE}")
    if problems:
        raise ArgumentError(problems)
    return Path(words[1]), int(options["--rows"]), options["--model"]
