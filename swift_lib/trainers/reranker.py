"""Training of rerankers: a score for each document of a query, by a classifier or by the word yes."""

from typing import Any

import torch
from transformers.modeling_outputs import SequenceClassifierOutputWithPast

from swift_lib.core import environment
from swift_lib.core.ranking import groups
from swift_lib.core.seeding import derive_seed
from swift_lib.loss.reranker import generative_scores
from swift_lib.trainers.draw import DrawDocuments
from swift_lib.trainers.rows import RowTrainer
from swift_lib.trainers.seq_cls import classified


class RerankerTrainer(RowTrainer):
    """A classifier with one output scores a query together with a document.

    positives, negatives: documents of a row that are trained in an epoch, negatives for each positive; all are
    validated, each positive against all negatives.
    """

    default_metric = "reranker"

    def __init__(self, *, positives: int = 1, negatives: int = 7, **kwargs: Any) -> None:
        self._documents = (positives, negatives)
        super().__init__(**kwargs)
        self._at_tokens = bool(getattr(self.model, "judges_last_tokens", False))

    def outputs(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> Any:
        """Of which `logits` are (documents, 1)."""
        return classified(model, inputs, at_tokens=self._at_tokens)

    def items(self, batch: Any) -> torch.Tensor:
        """Documents; for the listwise loss the groups that it counts."""
        labels = batch["labels"]
        if self.extensions.loss != "listwise_reranker" or not len(labels):
            return torch.tensor(len(labels))
        least = environment.count("LISTWISE_RERANKER_MIN_GROUP_SIZE", 2) or 2
        return torch.tensor(sum(len(group) >= least for group in groups(labels.tolist())))

    def drawing(self, *, training: bool) -> DrawDocuments:
        """Some documents of each row, others in each epoch."""
        seed = derive_seed(self.args.data_seed if self.args.data_seed is not None else self.args.seed, "reranker")
        if not training:
            return DrawDocuments(seed)
        return DrawDocuments(seed, *self._documents, needs_positive=self.extensions.loss != "pointwise_reranker")

    def predictions(self, outputs: Any) -> torch.Tensor:
        """The scores, (documents,)."""
        return outputs.logits.float().squeeze(-1)


class GenerativeRerankerTrainer(RerankerTrainer):
    """A language model scores a document by how much likelier its answer is yes than no.

    answers: token ids of the words for yes and no.
    """

    def __init__(self, *, answers: tuple[int, int], **kwargs: Any) -> None:
        self._answers = answers
        super().__init__(**kwargs)

    def outputs(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> Any:
        """Of which `logits` are (documents, 1)."""
        return SequenceClassifierOutputWithPast(logits=answered(model, inputs, self._answers))


def answered(model: torch.nn.Module, inputs: dict[str, torch.Tensor], answers: tuple[int, int]) -> torch.Tensor:
    """The scores (documents, 1) of a batch that is packed, or padded on the left."""
    inputs = dict(inputs)
    tokens = inputs.pop("pooled_tokens")
    packed = "attention_mask" not in inputs
    logits = model(**inputs, logits_to_keep=tokens if packed else 1).logits
    return generative_scores(logits.flatten(0, 1), *answers)
