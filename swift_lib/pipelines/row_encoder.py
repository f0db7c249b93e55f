"""Checked rows to tokens through the model's template, in this process or in several, in the order of the rows."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import numpy as np

from swift_lib.core.plugins import load_plugins
from swift_lib.dataset.base import RowFault, StandardRow
from swift_lib.dataset.build import Batch, EncodedRow
from swift_lib.dataset.spans import spans_of
from swift_lib.model.loader import get_processor
from swift_lib.template.face import get_template
from swift_lib.template.mask import MaxLengthError, mask_first, truncate

_WAITING = 4  # batches per process that may wait, so that reading ahead cannot fill the memory


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is made of; it can be sent to another process."""

    model: str
    template: str | None = None
    processor_options: Mapping[str, Any] = field(default_factory=dict)
    template_options: Mapping[str, Any] = field(default_factory=dict)
    plugins: Sequence[str] = ()


class RowEncoder:
    """Encodes standard rows for training."""

    def __init__(self, spec: EncoderSpec) -> None:
        load_plugins(spec.plugins)
        self.processor = get_processor(spec.model, **spec.processor_options)
        self.template = get_template(self.processor, spec.template, **spec.template_options)
        self.template.set_mode("train")
        # Cutting is done here, where it is seen: the template only says how long a row is.
        self.max_length, self.template.max_length = self.template.max_length, None
        self.strategy = self.template.truncation_strategy

    def encode(self, rows: Sequence[StandardRow]) -> list[EncodedRow | RowFault]:
        """Encode rows; what cannot be encoded becomes a fault in its place."""
        return [self._finish(encoded) for encoded in self.template.encode_batch(rows)]

    def decode(self, ids: list[int]) -> str:
        """The text of tokens, special ones included."""
        return str(self.template.tokenizer.decode(ids)) if ids else ""

    def _finish(self, encoded: Any) -> EncodedRow | RowFault:
        if isinstance(encoded, Exception):
            return RowFault("cannot_encode", str(getattr(encoded, "where", "")), str(getattr(encoded, "what", encoded)))
        whole = encoded[0] if isinstance(encoded, list) else encoded
        length = len(whole["input_ids"])
        try:
            parts = truncate(whole, self.max_length, self.strategy)
        except MaxLengthError:
            return RowFault("over_length", "", f"{length} tokens, max_length is {self.max_length}")
        pieces = []
        for part in parts:
            part = mask_first(part)
            if spans := spans_of(part["labels"], part.get("loss_scale")):
                pieces.append((np.asarray(part["input_ids"], dtype=np.int32), spans))
        if not pieces:
            cut = f", cut to {self.max_length}" if self.max_length and length > self.max_length else ""
            return RowFault("no_trained_tokens", "", f"{length} tokens{cut}")
        if len(parts) > 1:
            return EncodedRow(pieces, "split")
        return EncodedRow(pieces, "kept" if len(parts[0]["input_ids"]) == length else "truncated")


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
