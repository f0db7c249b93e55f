"""What rows are for, which decides what they must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RowRules:
    """What a row must be, and what an option accepts.

    task_type, mode: as for a template; mode rlhf asks for pairs, kto for true or false. needs_answer: the row is
    trained on, so it must end with a reply. text_only: whatever reads the rows has no use for media. open_images:
    decode every image (else only look whether it is there). num_labels: classes, where known. problem_type:
    regression, single_label_classification, multi_label_classification, or None for any. merge_consecutive: join user
    messages in a row by a newline. mixed_schema: accept rows of different forms in one dataset. row_filter: column to
    the value or values of the rows that are wanted. keep_unused: keep columns that a standard row has no use for.
    """

    task_type: str = "causal_lm"
    mode: str = "train"
    needs_answer: bool = True
    text_only: bool = False
    open_images: bool = False
    num_labels: int | None = None
    problem_type: str | None = None
    merge_consecutive: bool = False
    mixed_schema: bool = False
    row_filter: Mapping[str, Any] = field(default_factory=dict)
    keep_unused: bool = False

    @property
    def is_classification(self) -> bool:
        """Whether rows carry a class or a score."""
        return self.task_type == "seq_cls"

    @property
    def has_steps(self) -> bool:
        """Whether rows carry a class for each step of a reply."""
        return self.task_type == "prm"

    @property
    def has_pairs(self) -> bool:
        """Whether rows carry a chosen and a rejected reply (preference training and reward models)."""
        return self.mode == "rlhf"

    @property
    def has_groups(self) -> bool:
        """Whether rows carry positives and negatives."""
        return self.task_type in ("embedding", "reranker", "generative_reranker")

    @property
    def needs_reply(self) -> bool:
        """Whether messages must end with a reply of the assistant."""
        return self.needs_answer and not self.has_groups and (not self.is_classification or self.has_pairs)

    def reads(self, column: str) -> bool:
        """Whether a column of a standard row means anything for this mode and task."""
        if column.startswith("rejected_") or column == "margin":
            return self.mode in ("rlhf", "kto")
        if column.startswith(("positive_", "negative_")):
            return self.has_groups
        has_label = self.mode == "kto" or self.has_groups or self.is_classification or self.has_steps
        return column != "label" or has_label
