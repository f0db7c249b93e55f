"""What is measured on the validation rows."""

from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class MetricArguments:
    """Metrics while training."""

    eval_metric: str | None = arg(
        None,
        "Registered metric of the validation rows; none follows the task.",
        choices="swift_lib.metrics.mapping:eval_metrics_map",
        none_as="",
    )
    acc_strategy: str = arg(
        "token",
        "What the metric acc counts: right tokens, or rows whose every token is right.",
        choices=("token", "seq"),
    )
