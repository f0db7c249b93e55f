"""Runs of text to token ids: one call of the fast tokenizer for any number of runs."""

from collections.abc import Sequence
from typing import Any

from swift_lib.template.mask import Run


def tokenise(tokenizer: Any, runs: Sequence[Run]) -> list[list[int]]:
    """Token ids of each run, without the special tokens that the tokenizer adds by itself."""
    texts = [piece for run in runs for piece in run.pieces if isinstance(piece, str)]
    ids = iter(_encode_all(tokenizer, texts))
    return [[i for piece in run.pieces for i in (next(ids) if isinstance(piece, str) else piece)] for run in runs]


def _encode_all(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    # The backend keeps what an earlier call of the tokenizer asked for.
    backend.no_padding()
    backend.no_truncation()
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
