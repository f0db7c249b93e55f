"""`swift infer`: answer every row of a data set, or talk."""

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swift_lib.arguments import InferArguments, as_arguments, save_args
from swift_lib.core.distributed import Processes, join
from swift_lib.core.errors import ArgumentError, SwiftError
from swift_lib.core.files import ASIDE
from swift_lib.core.manifest import write_manifest
from swift_lib.core.outputs import claim_output, finish_output
from swift_lib.core.seeding import seed_everything
from swift_lib.core.types import InferRequest, RequestConfig
from swift_lib.infer_engine.base import GenerationItem
from swift_lib.pipelines.engine import ask, build_engine, read_rows, reply_text, request_options, split_answer

logger = logging.getLogger(__name__)

RESULTS = "results.jsonl"
_HELP = "exit or quit ends · clear forgets the conversation · multi-line, single-line · reset-system gives a new system"
_END_OF_TEXT = "#"  # ends a text of several lines


@dataclass(frozen=True)
class InferResult:
    """`result_path`: the answers; None after a conversation."""

    result_path: Path | None
    rows: int


def infer_main(args: InferArguments | Sequence[str] | Mapping[str, Any] | None = None) -> InferResult:
    """Answer the rows of `val_dataset`; without one, hold a conversation on the terminal."""
    arguments = as_arguments(InferArguments, args)
    with join() as processes:
        seed_everything(arguments.common.seed)
        if arguments.data.val_dataset:
            return _batch(arguments, processes)
        if processes.size > 1:
            raise ArgumentError(["--val_dataset: several processes answer rows; a conversation needs one"])
        engine = build_engine(arguments)
        converse(engine, request_options(arguments), system=arguments.template.system, read=input)
        return InferResult(None, 0)


def _batch(arguments: InferArguments, processes: Processes) -> InferResult:
    """Each process answers its part of the rows into a file of its own; the first joins them."""
    options = arguments.infer
    folder = Path(options.output_dir)
    target = Path(options.result_path) if options.result_path else folder / RESULTS
    with claim_output(folder) if processes.is_first else nullcontext():
        with processes.first("claim") as is_first:
            if is_first:
                save_args(arguments, folder)
                target.parent.mkdir(parents=True, exist_ok=True)
        rows = read_rows(arguments.data.val_dataset, arguments, limit=options.val_dataset_sample or 0)
        bounds = [len(rows) * rank // processes.size for rank in range(processes.size + 1)]
        mine = range(bounds[processes.rank], bounds[processes.rank + 1])
        engine = build_engine(arguments)
        with _part(target, processes.rank).open("w", encoding="utf-8") as stream:
            for row in _answers(engine, request_options(arguments), rows, mine, options.write_batch_size):
                stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        processes.all_here("answered")
        if processes.is_first:
            _join_parts(target, processes.size)
            inputs = [{"name": "val_dataset", "uri": source} for source in arguments.data.val_dataset]
            write_manifest(folder, stage="infer", arguments=arguments.to_flat(), inputs=inputs)
            finish_output(folder)
    logger.info("%d answers are in %s", len(rows), target)
    return InferResult(target, len(rows))


def _part(target: Path, rank: int) -> Path:
    return target.with_name(f"{ASIDE}{target.name}-{rank}")


def _join_parts(target: Path, count: int) -> None:
    parts = [_part(target, rank) for rank in range(count)]
    with parts[0].open("ab") as whole:
        for part in parts[1:]:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, whole)
            part.unlink()
    parts[0].replace(target)


def _answers(
    engine: Any, config: RequestConfig, rows: Sequence[dict[str, Any]], wanted: range, group: int
) -> Iterator[dict[str, Any]]:
    size = group if group > 0 else max(1, len(wanted))
    for start in wanted[::size]:
        part = rows[start : min(start + size, wanted.stop)]
        split = [split_answer(row) for row in part]
        requests = [InferRequest.of_row(prompt, row) for (prompt, _), row in zip(split, part, strict=True)]
        responses = ask(engine, requests, config, "the data set", first=start)
        for index, (row, response) in enumerate(zip(part, responses, strict=True)):
            reply = reply_text(engine, response.choices[0])
            prompt, label = split[index]
            rest = {name: value for name, value in row.items() if name != "messages"}
            messages = [*prompt, {"role": "assistant", "content": reply}]
            yield {"response": reply, "labels": label or None, "messages": messages, **rest}


def converse(
    engine: Any,
    config: RequestConfig,
    *,
    system: str | None = None,
    read: Callable[[str], str],
    write: Callable[[str], Any] = sys.stdout.write,
) -> list[dict[str, Any]]:
    """Hold a conversation until `exit`, `quit` or the end of input; returns its messages."""
    write(_HELP + "\n")
    history = _begin(system)
    several_lines = False
    while (text := _read(read, "<<< ", several_lines)) is not None:
        command = text.strip().lower()
        if command in ("exit", "quit"):
            break
        if command in ("multi-line", "single-line"):
            several_lines = command == "multi-line"
        elif command == "clear":
            history = [message for message in history if message["role"] == "system"]
        elif command == "reset-system":
            history = _begin(_read(read, "system: ", several_lines))
        elif command:
            history += _answer(engine, config, history, text, write)
    return history


def _begin(system: str | None) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}] if system else []


def _read(read: Callable[[str], str], prompt: str, several_lines: bool) -> str | None:
    """Read one entry; None at the end of input."""
    lines: list[str] = []
    try:
        lines.append(read(prompt))
        while several_lines and not lines[-1].endswith(_END_OF_TEXT):
            lines.append(read(""))
    except EOFError:
        return None
    return "\n".join(lines).removesuffix(_END_OF_TEXT) if several_lines else lines[0]


def _answer(
    engine: Any, config: RequestConfig, history: list[dict[str, Any]], text: str, write: Callable[[str], Any]
) -> list[dict[str, Any]]:
    """Ask one question, writing the reply as it comes; an error is shown and the question forgotten."""
    question = {"role": "user", "content": text}

    def show(index: int, piece: str) -> None:
        write(piece)
        sys.stdout.flush()

    request = InferRequest(messages=[*history, question])
    result = engine.generate([GenerationItem(request=request, config=replace(config, n=1), on_text=show)])[0]
    write("\n")
    if isinstance(result, SwiftError):
        write(f"{result}\n")
        return []
    return [question, {"role": "assistant", "content": result.choices[0].message.content}]
