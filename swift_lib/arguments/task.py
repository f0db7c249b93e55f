"""Tasks other than text."""

from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class AnswerArguments:
    """Answers of generative rerankers."""

    positive_token: str | None = arg(
        None, "Word by which a generative reranker says that a document fits, one token; none is yes.", none_as=""
    )
    negative_token: str | None = arg(
        None, "Word by which it says that one does not, one token; none is no.", none_as=""
    )


@dataclass(frozen=True, kw_only=True)
class RerankerArguments:
    """Rows of rerankers."""

    max_positive_samples: int | None = arg(
        None, "Fitting documents of a row that are trained in an epoch; none is 1.", ge=1, none_as=0
    )
    max_negative_samples: int | None = arg(
        None, "Other documents of a row for each fitting one; none is 7.", ge=1, none_as=0
    )
