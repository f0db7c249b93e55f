"""What an evaluation shows: a table of both models, and the examples that changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from swift_lib.pipelines.engine import Case
from swift_lib.pipelines.report import Cell, Report, markdown_table, number

_EXAMPLES = 20


class Scores(Protocol):
    """The part of a model's scores that a report reads."""

    answers: list[str]
    scores: dict[str, list[float]]


Table = tuple[list[str], list[list[Any]]]


def comparison_table(summaries: Mapping[str, Mapping[str, float]]) -> Table:
    """Return header and rows: one row a metric, one column a model, the difference where there are two."""
    labels = list(summaries)
    names = [n for n in next(iter(summaries.values())) if not n.endswith(("_low", "_high"))]
    rows: list[list[Any]] = []
    for name in names:
        values = [summaries[label].get(name) for label in labels]
        texts = [_with_interval(summaries[label], name) for label in labels]
        if len(values) == 2 and None not in values:
            texts.append(f"{values[1] - values[0]:+.4g}")  # type: ignore[operator]
        rows.append([name, *texts])
    return ["metric", *labels, *(["difference"] if len(labels) == 2 else [])], rows


def _with_interval(summary: Mapping[str, float], name: str) -> str:
    text = number(summary.get(name))
    low, high = summary.get(f"{name}_low"), summary.get(f"{name}_high")
    return text if low is None or high is None else f"{text} ({low:.3f} to {high:.3f})"


def comparison_markdown(table: Table, prompts: int) -> str:
    """Return the table as Markdown, with what it is about."""
    return f"{_about(prompts)}\n\n{markdown_table(*table)}"


def _about(prompts: int) -> str:
    return (
        f"{prompts} held-out prompts. In brackets: the 95 % interval (Wilson). Loss (nats a token) and perplexity are "
        "those of the right answers. cut_off: the share of answers that reached the token limit."
    )


def report_html(table: Table, cases: Sequence[Case], models: Mapping[str, Scores]) -> str:
    """Return the report as one page."""
    report = Report("Evaluation")
    report.paragraph(_about(len(cases)))
    report.table(*table)
    tuned = models["tuned"]
    metric = next(iter(tuned.scores), None)
    if metric is None:
        return report.html()
    if "base" in models:
        before, after = models["base"].scores[metric], tuned.scores[metric]
        better = [case for case in cases if after[case.index] > before[case.index]]
        worse = [case for case in cases if after[case.index] < before[case.index]]
        _examples(report, f"Now right ({metric})", better, models)
        _examples(report, f"Now wrong ({metric})", worse, models)
    wrong = [case for case in cases if tuned.scores[metric][case.index] < 1]
    _examples(report, f"Wrong ({metric})", wrong, models)
    return report.html()


def _examples(report: Report, title: str, cases: Sequence[Case], models: Mapping[str, Scores]) -> None:
    report.heading(f"{title}: {len(cases)}")
    if not cases:
        return
    if len(cases) > _EXAMPLES:
        report.paragraph(f"The first {_EXAMPLES}; all are in predictions.jsonl.")
    rows: list[list[Any]] = []
    for case in cases[:_EXAMPLES]:
        cells = [_answer(scores, case.index) for scores in models.values()]
        rows.append([case.index, _question(case), case.reference, *cells])
    report.table(["row", "prompt", "right answer", *models], rows)


def _answer(scores: Scores, index: int) -> Cell:
    first = next(iter(scores.scores.values()))
    return Cell(scores.answers[index], "good" if first[index] >= 1 else "bad")


def _question(case: Case) -> str:
    return "\n".join(f"{message['role']}: {message['content']}" for message in case.prompt)
