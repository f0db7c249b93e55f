"""Write docs/supported-models.md from the registry: `python swift_lib/model/run_model_info.py [FILE]`."""

import sys
from pathlib import Path

from swift_lib.model.base import ModelGroup, ModelMeta
from swift_lib.model.mapping import MODEL_MAPPING

PAGE = Path(__file__).resolve().parents[2] / "docs" / "supported-models.md"
HEADER = """# Supported models

Written by `python swift_lib/model/run_model_info.py`; do not edit.

`--model` takes an id from this table or a local folder. The last part of the path is compared with the last part of
these ids (in any case of letters); where it is none of them, `--model_type` decides, then the `args.json` beside the
weights (its keys `model_type` and `template`, which our own checkpoints carry), then `architectures` in `config.json`.
`--template` overrides the template.
"""
COLUMNS = ("Model ID", "Model Type", "Default Template", "Requires", "Tags", "HF Model ID")


def page() -> str:
    """The page's text."""
    lines = [HEADER]
    for title, is_multimodal in (("Language models", False), ("Multimodal models", True)):
        metas = [meta for meta in MODEL_MAPPING.values() if meta.is_multimodal == is_multimodal]
        if metas:
            lines += [f"## {title}\n", _row(COLUMNS), _row(["---"] * len(COLUMNS))]
            lines += [row for meta in metas for group in meta.model_groups for row in _rows(meta, group)]
            lines.append("")
    return "\n".join(lines)


def _rows(meta: ModelMeta, group: ModelGroup) -> list[str]:
    requires = ", ".join(f"`{text}`" for text in group.requires or meta.requires)
    template = group.template or meta.template or ""
    tags = ", ".join(group.tags or meta.tags)
    return [
        _row(
            [
                model.ms_model_id or model.model_path or "",
                str(meta.model_type),
                template,
                requires,
                tags,
                model.hf_model_id or "",
            ]
        )
        for model in group.models
    ]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> None:
    """Write the page to the given file, or to the documentation."""
    target = Path(arguments[0]) if arguments else PAGE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
