"""Many rows at once: rendered one by one, tokenised together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from swift_lib.core.errors import SwiftError
from swift_lib.template import mask
from swift_lib.template.tasks import Part
from swift_lib.template.tokenise import tokenise

Rows = Sequence[list[Part] | SwiftError]
_CHUNK = 128  # rows


def or_error(step: Callable[..., Any], *arguments: Any) -> Any:
    """What a step gives, or the error it raises."""
    try:
        return step(*arguments)
    except SwiftError as error:
        return error


def render(template: Any, rows: Rows) -> tuple[list[list[Part] | SwiftError], list[list[mask.Run]]]:
    """Prepare and render the conversations of rows: the rows, with errors in place of those that cannot be, and the
    runs of each conversation of the others, in order.
    """
    results: list[list[Part] | SwiftError] = []
    rendered: list[list[mask.Run]] = []
    for parts in rows:
        if isinstance(parts, SwiftError):
            results.append(parts)
            continue
        try:
            found = []
            for part in parts:
                part.inputs = template.prepare(part.row)
                found.append(template.runs(part.inputs))
        except SwiftError as error:
            results.append(error)
            continue
        results.append(parts)
        rendered += found
    return results, rendered


def encode_parts(template: Any, rows: Rows) -> list[list[Part] | SwiftError]:
    """Encode the conversations of rows, tokenising the texts of many in one call; errors stay in their places.

    While a chunk is tokenised, which takes no interpreter, the next one is rendered.
    """
    results: list[list[Part] | SwiftError] = []
    with ThreadPoolExecutor(1) as pool:
        before: list[_Chunk] = []
        for start in range(0, len(rows), _CHUNK):
            chunk = _Chunk(template, rows[start : start + _CHUNK], pool)
            results += chunk.rows
            for earlier in before:
                earlier.finish()
            before = [chunk]
        for chunk in before:
            chunk.finish()
    return results


class _Chunk:
    """Rows whose texts are being tokenised."""

    def __init__(self, template: Any, rows: Rows, pool: ThreadPoolExecutor) -> None:
        self.rows, self._rendered = render(template, rows)
        self._suffix_ids = template.ending_ids
        texts = [run.pieces for runs in self._rendered for run in runs]
        self._tokens = pool.submit(tokenise, template.tokenizer, texts, template.layout.control, template.opening)

    def finish(self) -> None:
        """Put the tokens into the rows' parts."""
        tokens = iter(self._tokens.result())
        conversations = iter(self._rendered)
        for parts in self.rows:
            for part in parts if isinstance(parts, list) else ():
                runs = next(conversations)
                part.tokens = mask.join(runs, [next(tokens) for _ in runs], self._suffix_ids)
                assert part.inputs is not None
                part.encoded = part.inputs.media_tensors
