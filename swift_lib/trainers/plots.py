"""Curves of a run: PNG files, and one HTML file that needs nothing else and answers the mouse."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

Curve = Sequence[tuple[int, float]]

_PNG = {
    "loss": ("loss", "eval_loss"),
    "token_acc": ("token_acc", "eval_token_acc"),
    "learning_rate": ("learning_rate",),
}
_LABELS = {
    "loss": "training loss",
    "eval_loss": "validation loss",
    "token_acc": "training accuracy",
    "eval_token_acc": "validation accuracy",
    "learning_rate": "learning rate",
}
_AXES = {"loss": "loss (nats per token)", "token_acc": "share of right tokens"}
_PAGE = Path(__file__).with_name("curves.html")


def curves_of(history: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """(step, value) by name, from the Trainer's log history."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for entry in history:
        for name in _LABELS:
            if name in entry:
                curves.setdefault(name, []).append((int(entry["step"]), float(entry[name])))
    return curves


def write_pngs(curves: Mapping[str, Curve], folder: Path) -> list[Path]:
    """loss.png and token_acc.png (training and validation), learning_rate.png; returns what was written."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only the end of a run needs

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, lines in _PNG.items():
        present = [line for line in lines if curves.get(line)]
        if not present:
            continue
        # Figure without pyplot: no global state, no display.
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        for line in present:
            steps, values = zip(*curves[line], strict=True)
            axes.plot(steps, values, label=_LABELS[line], marker="o" if len(steps) < 20 else None, markersize=3)
        axes.set_xlabel("step")
        axes.set_ylabel(_LABELS[present[0]] if len(present) == 1 else _AXES[name])
        axes.grid(alpha=0.3)
        axes.legend()
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=110)
        written.append(path)
    return written


def write_html(curves: Mapping[str, Curve], path: Path, title: str) -> None:
    """The same curves on a page that shows values under the mouse and switches to a logarithmic scale."""
    data = [{"name": _LABELS[name], "chart": _chart(name), "points": list(curve)} for name, curve in curves.items()]
    # "</" must not end the script early.
    text = json.dumps(data).replace("</", "<\\/")
    page = Template(_PAGE.read_text(encoding="utf-8")).substitute(title=html.escape(title), data=text)
    path.write_text(page, encoding="utf-8")


def _chart(name: str) -> str:
    return next(chart for chart, lines in _PNG.items() if name in lines)
