"""How the rows of embeddings and rerankers lie in a batch, and the options that their loss and their metric share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError, DataError


@dataclass(frozen=True, kw_only=True)
class InfonceOptions:
    """What InfoNCE compares an anchor with.

    temperature: divides the similarities. use_batch: every document of the batch (of all processes) is a candidate,
    not the anchor's own only. hard_negatives: each anchor keeps so many negatives; where it has fewer, so many are
    drawn from them with replacement. mask_fake_negative: a candidate more than fake_neg_margin above the positive is
    none (it probably fits, too). include_qq, include_dd: other anchors, and the batch's documents as seen from the
    positive, are candidates, too.
    """

    temperature: float = 0.1
    use_batch: bool = True
    hard_negatives: int | None = None
    mask_fake_negative: bool = False
    fake_neg_margin: float = 0.1
    include_qq: bool = False
    include_dd: bool = False

    def __post_init__(self) -> None:
        for name in ("include_qq", "include_dd"):
            if getattr(self, name) and not self.use_batch:
                raise ArgumentError([f"INFONCE_{name.upper()}: compares with the batch; set INFONCE_USE_BATCH=True"])

    @classmethod
    def from_environment(cls) -> "InfonceOptions":
        """The options by their documented names, INFONCE_TEMPERATURE and so on."""
        return cls(
            temperature=environment.number("INFONCE_TEMPERATURE", 0.1, above=True),
            use_batch=environment.switch("INFONCE_USE_BATCH", True),
            hard_negatives=environment.count("INFONCE_HARD_NEGATIVES", None),
            mask_fake_negative=environment.switch("INFONCE_MASK_FAKE_NEGATIVE", False),
            fake_neg_margin=environment.number("INFONCE_FAKE_NEG_MARGIN", 0.1),
            include_qq=environment.switch("INFONCE_INCLUDE_QQ", False),
            include_dd=environment.switch("INFONCE_INCLUDE_DD", False),
        )


def groups(labels: Sequence[float]) -> list[range]:
    """The places of each group in labels such as [1, 0, 0, 1, 0]: a group begins at every 1.

    Raises DataError where the first label is not 1, or one is neither 0 nor 1.
    """
    if any(label not in (0, 1) for label in labels):
        odd = next(label for label in labels if label not in (0, 1))
        raise DataError(
            f"groups of documents are told apart by labels 1 and 0, and a label is {odd:g}",
            fix="rows whose label is a degree of likeness train with --loss_type cosine_similarity",
        )
    starts = [place for place, label in enumerate(labels) if label == 1]
    if labels and starts[:1] != [0]:
        raise DataError("a group of documents has no positive", fix="give every row one that fits")
    return [range(start, end) for start, end in pairwise([*starts, len(labels)])]


def anchored(labels: Sequence[float]) -> list[list[int]]:
    """The places of each group's anchor, positive and negatives among the embeddings: anchors have no label."""
    return [[group.start + before + i for i in range(len(group) + 1)] for before, group in enumerate(groups(labels))]
