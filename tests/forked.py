"""A function in several processes that speak to one another over gloo: forked, so that nothing is imported again."""

import io
import multiprocessing
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed

SECONDS = 120  # for a machine that is busy; a test takes two


def together(function: Callable[..., Any], size: int, *arguments: Any) -> list[Any]:
    """What `function(rank, *arguments)` returns in each process. An error in one of them fails the test."""
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        pipes, processes = [], []
        for rank in range(size):
            receiver, sender = fork.Pipe(duplex=False)
            work = (function, rank, size, Path(folder) / "store", sender, arguments)
            process = fork.Process(target=_work, args=work, daemon=True)
            process.start()
            sender.close()
            pipes.append(receiver)
            processes.append(process)
        try:
            answers = [_answer(pipe) for pipe in pipes]
        finally:
            for process in processes:
                process.kill()
                process.join()
    errors = [text for is_error, text in answers if is_error]
    assert not errors, errors[0]
    return [value for _, value in answers]


def _answer(pipe: Any) -> tuple[bool, Any]:
    if not pipe.poll(SECONDS):
        return True, "no answer: it hangs"
    try:
        return torch.load(io.BytesIO(pipe.recv_bytes()), weights_only=True)  # type: ignore[no-any-return]
    except EOFError:
        return True, "ended without an answer"


def _work(function: Any, rank: int, size: int, store: Path, sender: Any, arguments: Any) -> None:
    try:
        distributed.init_process_group(
            "gloo", store=distributed.FileStore(str(store), size), rank=rank, world_size=size
        )
        answer = False, function(rank, *arguments)
    except BaseException:  # noqa: BLE001 - handed to the test
        answer = True, traceback.format_exc()
    written = io.BytesIO()
    torch.save(answer, written)  # as bytes: a tensor that is sent as such needs its sender to read it
    sender.send_bytes(written.getvalue())
    sender.close()
