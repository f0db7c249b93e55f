"""Replies that are generated for the validation rows while training."""

from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class PredictArguments:
    """Generating while training."""

    predict_with_generate: bool = arg(
        False, "Evaluate by generating a reply to each validation prompt, too; eval_metric is then nlg by default."
    )
