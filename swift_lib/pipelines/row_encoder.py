"""Checked rows to tokens through the model's template, in this process or in several, in the order of the rows."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np

from swift_lib.core.errors import SwiftError
from swift_lib.core.heap import settled_heap
from swift_lib.core.plugins import load_plugins
from swift_lib.dataset.base import RowFault, StandardRow
from swift_lib.dataset.build import Batch
from swift_lib.dataset.encoded import EncodedRow, EncodedSequence, Example
from swift_lib.model.loader import get_processor
from swift_lib.template.assemble import labels_of
from swift_lib.template.choose import get_template
from swift_lib.template.control import ControlTokenError
from swift_lib.template.mask import MaxLengthError, cuts
from swift_lib.template.tasks import RERANKERS, TOKEN_LABELLED, Part

_WAITING = 4  # batches per process that may wait, so that reading ahead cannot fill the memory


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is made of; it can be sent to another process."""

    model: str
    template: str | None = None
    processor_options: Mapping[str, Any] = field(default_factory=dict)
    template_options: Mapping[str, Any] = field(default_factory=dict)
    plugins: Sequence[str] = ()
    mode: str = "train"


class RowEncoder:
    """Encodes standard rows for training."""

    def __init__(self, spec: EncoderSpec) -> None:
        load_plugins(spec.plugins)
        self.processor = get_processor(spec.model, **spec.processor_options)
        self.template = get_template(self.processor, spec.template, **spec.template_options)
        self.template.set_mode(spec.mode)
        self.template.keep_pixels = False
        # Cutting is done here, where it is seen: the template only says how long a row is.
        self.max_length, self.template.max_length = self.template.max_length, None
        self.strategy = self.template.truncation_strategy

    def encode(self, rows: Sequence[StandardRow]) -> list[EncodedRow | RowFault]:
        """Encode rows; what cannot be encoded becomes a fault in its place."""
        with settled_heap():
            encoded = self.template.encode_parts(rows)
            return [self._finish(row, parts) for row, parts in zip(rows, encoded, strict=True)]

    def decode(self, ids: list[int]) -> str:
        """The text of tokens, special ones included."""
        return str(self.template.tokenizer.decode(ids)) if ids else ""

    def _finish(self, row: StandardRow, parts: list[Part] | SwiftError) -> EncodedRow | RowFault:
        if isinstance(parts, SwiftError):
            reason = "special_token_in_text" if isinstance(parts, ControlTokenError) else "cannot_encode"
            return RowFault(reason, parts.where, parts.what)
        labelled = self._needs_labels
        try:
            sequences = [self._sequences(part) for part in parts]
            if self.strategy == "split":
                examples = [self._example(row, parts, [piece]) for piece in sequences[0] if piece.spans or not labelled]
            else:
                examples = [self._example(row, parts, [pieces[0] for pieces in sequences])]
        except RowFault as fault:
            return fault
        except SwiftError as error:
            return RowFault("cannot_encode", error.where, error.what)
        lost_fractions = sum(part.inputs.lost_fractions for part in parts if part.inputs is not None)
        return EncodedRow(examples, _outcome(parts, sequences), lost_fractions)

    def _sequences(self, part: Part) -> list[EncodedSequence]:
        """A conversation cut to the length: one sequence, or several with strategy `split`. Raises RowFault."""
        tokens = part.as_tokens()
        length = len(tokens.ids)
        name = f"{part.role}: " if part.role else ""
        cut: Sequence[Sequence[int]] = [range(length)]
        if self.max_length is not None and length > self.max_length:
            try:
                cut = cuts(tokens.ids, self.max_length, self.strategy, self.template.placeholder_ids)
            except MaxLengthError as error:
                raise RowFault("over_length", "", f"{name}{length} tokens, max_length is {self.max_length}") from error
        pieces = [tokens.cut(positions) for positions in cut]
        if self._needs_labels and not any(piece.spans for piece in pieces):
            trained = sum(end - start for start, end, _ in tokens.cut(range(length)).spans)
            if trained:
                detail = f"{name}{length} tokens, cut to {self.max_length} on the {self.strategy}: all {trained}"
                raise RowFault("supervision_cut", "", f"{detail} trained ones are cut away")
            raise RowFault("no_trained_tokens", "", f"{name}{length} tokens")
        role = "document" if self.template.task_type in RERANKERS else part.role
        assert part.inputs is not None
        media = self.template.media_items(part.inputs, part.encoded)
        if media and len(pieces) > 1:
            raise RowFault("cannot_encode", "", "a row with media cannot be split")
        return [
            EncodedSequence(np.array(piece.ids, dtype=np.int32), piece.spans if self._needs_labels else (), role, media)
            for piece in pieces
        ]

    def _example(self, row: StandardRow, parts: Sequence[Part], sequences: Sequence[EncodedSequence]) -> Example:
        template, inputs = self.template, parts[0].inputs
        assert inputs is not None
        label, margin = labels_of(row, parts, template.mode, template.task_type)
        if template.judges_steps and len(label or ()) != len(sequences[0].spans):
            raise RowFault("bad_label", "label", f"{len(label or ())} labels for {len(sequences[0].spans)} steps")
        extra = {} if template.remove_unused_columns else inputs.extra
        return Example(sequences, label, margin, inputs.channel, extra)

    @property
    def _needs_labels(self) -> bool:
        return self.template.task_type in TOKEN_LABELLED


def _outcome(parts: Sequence[Part], sequences: Sequence[Sequence[EncodedSequence]]) -> str:
    """What became of a row: kept, truncated or split."""
    if any(len(pieces) > 1 for pieces in sequences):
        return "split"
    is_whole = all(len(part.as_tokens().ids) == len(cut.ids) for part, (cut,) in zip(parts, sequences, strict=True))
    return "kept" if is_whole else "truncated"


def encode_here(encoder: RowEncoder, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[EncodedRow | RowFault]]]:
    """Encode batch after batch; the tokenizer uses several threads by itself."""
    for batch in batches:
        yield batch, encoder.encode(_rows(batch))


def encode_in_processes(
    spec: EncoderSpec, batches: Iterable[Batch], processes: int
) -> Iterator[tuple[Batch, list[EncodedRow | RowFault]]]:
    """Encode in other processes; results come in the order of the batches."""
    waiting: deque[tuple[Batch, Future[list[EncodedRow | RowFault]]]] = deque()
    # Spawned: a fork of a process whose tokenizer has run threads may lock up.
    with ProcessPoolExecutor(processes, get_context("spawn"), _start, (spec,)) as pool:
        try:
            for batch in batches:
                waiting.append((batch, pool.submit(_encode_rows, _rows(batch))))
                if len(waiting) >= _WAITING * processes:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_encoders: list[RowEncoder] = []  # one, in a process of the pool


def _start(spec: EncoderSpec) -> None:
    _encoders.append(RowEncoder(spec))


def _encode_rows(rows: Sequence[StandardRow]) -> list[EncodedRow | RowFault]:
    return _encoders[0].encode(rows)


def _rows(batch: Batch) -> list[StandardRow]:
    return [taken.row for taken in batch if taken.row is not None]
