"""A page that shows real rows as the model will see them: trained tokens coloured, weights beside them."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from swift_lib.dataset.artifact import TokenDataset

Decode = Callable[[list[int]], str]

_MAX_CHARS = 6000
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1d2330;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}
td,th{border:1px solid #d5d9e2;padding:.2rem .6rem;text-align:left}
.row{border:1px solid #d5d9e2;border-radius:6px;margin:.8rem 0;padding:.6rem .8rem}
.head{color:#5b6577;font-size:.85rem;margin-bottom:.3rem}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,monospace;margin:0;color:#5b6577}
mark{background:#cdeccf;color:#10391a;border-radius:3px}
sup{color:#8a4b00;font-size:.75em;margin-left:.15em}
@media (prefers-color-scheme:dark){body{background:#14171d;color:#e4e8f0}pre,.head{color:#9aa4b5}
mark{background:#1f5130;color:#d8f5de}td,th,.row{border-color:#353c49}}
"""


def write_preview(
    path: Path, splits: Mapping[str, TokenDataset], decode: Decode, summary: Mapping[str, Any], rows: int = 20
) -> None:
    """Write one self-contained HTML file with up to ``rows`` rows of each split, spread evenly over it."""
    body = [_table(summary)]
    for name, dataset in splits.items():
        info = dataset.manifest["dataset"]
        share = info["trained_tokens"] / max(info["tokens"], 1)
        body.append(
            f"<h2>{escape(name)}: {len(dataset):,} rows, {info['tokens']:,} tokens, {share:.1%} of them trained</h2>"
        )
        step = max(len(dataset) / rows, 1)
        body += [_row(dataset, int(i * step), decode) for i in range(min(rows, len(dataset)))]
    path.write_text(
        f"<!doctype html>\n<html lang=en><meta charset=utf-8><title>Dataset preview</title><style>{_STYLE}</style>\n"
        "<h1>Dataset preview</h1>\n<p>What is <mark>marked</mark> is trained; a small number is a weight other than 1."
        "</p>\n" + "\n".join(body) + "\n</html>\n",
        encoding="utf-8",
        errors="replace",
    )


def _table(summary: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in summary.items()
    )
    return f"<table>{cells}</table>"


def _row(dataset: TokenDataset, index: int, decode: Decode) -> str:
    ids, spans, row_id = dataset.row(index)
    text = "".join(_segment(text, weight) for text, weight in _clipped(segments(ids.tolist(), spans, decode)))
    return f"<div class=row><div class=head>row {row_id}, {len(ids)} tokens</div><pre>{text}</pre></div>"


def segments(ids: list[int], spans: Sequence[tuple[int, int, float]], decode: Decode) -> list[tuple[str, float | None]]:
    """The row's text cut at the borders of what is trained: (text, weight), weight None where nothing is."""
    pieces: list[tuple[str, float | None]] = []
    edge = 0
    for start, end, weight in spans:
        pieces += [(decode(ids[edge:start]), None), (decode(ids[start:end]), weight)]
        edge = end
    pieces.append((decode(ids[edge:]), None))
    return [(text, weight) for text, weight in pieces if text]


def _clipped(pieces: Sequence[tuple[str, float | None]]) -> list[tuple[str, float | None]]:
    shown: list[tuple[str, float | None]] = []
    left = _MAX_CHARS
    for text, weight in pieces:
        if len(text) > left:
            return [*shown, (text[:left] + " [...]", weight)]
        shown.append((text, weight))
        left -= len(text)
    return shown


def _segment(text: str, weight: float | None) -> str:
    if weight is None:
        return escape(text)
    number = "" if weight == 1 else f"<sup>{weight:g}</sup>"
    return f'<mark title="weight {weight:g}">{escape(text)}</mark>{number}'
