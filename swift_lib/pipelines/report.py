"""Reports: one HTML file that needs nothing else, and Markdown tables. Whatever comes from data is escaped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2330; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #d8dee9; padding: .4rem .6rem; text-align: left; vertical-align: top; }
th { background: #f2f5f9; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, monospace; }
.good { background: #e7f6ec; } .bad { background: #fdecec; }
"""


@dataclass(frozen=True)
class Cell:
    """A table's cell that is more than a plain text: `kind` is "", "good" or "bad"."""

    text: str
    kind: str = ""


@dataclass
class Report:
    """An HTML page, built from top to bottom."""

    title: str
    _parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str | float | int | Cell | None]]) -> None:
        """Add a table; numbers are set to the right, texts keep their line breaks."""
        head = "".join(f"<th>{escape(name)}</th>" for name in header)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
        self._parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>")

    def html(self) -> str:
        """Return the page."""
        title = escape(self.title)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n"
            + "\n".join(self._parts)
            + "\n</body></html>\n"
        )


def _cell(value: str | float | int | Cell | None) -> str:
    if isinstance(value, int | float):
        return f'<td class="number">{number(value)}</td>'
    cell = value if isinstance(value, Cell) else Cell(value or "")
    kind = f' class="{cell.kind}"' if cell.kind else ""
    return f"<td{kind}><pre>{escape(cell.text)}</pre></td>"


def number(value: float | int | None) -> str:
    """Write a number as a reader wants it: whole numbers whole, others with four significant digits."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str | float | int | None]]) -> str:
    """Return a Markdown table; a bar in a text is escaped and line breaks become blanks."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        texts = [value if isinstance(value, str) else number(value) for value in row]
        lines.append("| " + " | ".join(" ".join(text.replace("|", "\\|").split()) for text in texts) + " |")
    return "\n".join(lines) + "\n"
