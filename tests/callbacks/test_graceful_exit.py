import os
import signal
from pathlib import Path
from typing import Any

import torch
import transformers

from swift_lib.callbacks.graceful_exit import GracefulExitCallback
from swift_lib.core.signals import StopFlag, stop_flag


class Kill(transformers.TrainerCallback):
    """SIGTERM in the third step."""

    def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)


def run(trainer: Any, names: list[str], **given: Any) -> Any:
    own = trainer(names, gradient_accumulation_steps=2, save_strategy="steps", save_steps=100, **given)
    own.add_callback(Kill())
    own.train()
    return own


def test_a_signal_ends_the_step_with_a_checkpoint(trainer: Any, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    own = run(trainer, ["graceful_exit"])
    assert own.state.global_step == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint-3"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_inside_a_command_it_leaves_that_to_the_command(trainer: Any, tmp_path: Path) -> None:
    with stop_flag() as flag, flag.held():
        assert run(trainer, ["graceful_exit"]).state.global_step == 8
        assert flag.signum == signal.SIGTERM


def _process(rank: int, path: str, results: Any) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    flag, control = StopFlag(), transformers.TrainerControl()
    callback = GracefulExitCallback(flag=flag)
    callback.on_train_begin(None, None, None)  # type: ignore[arg-type]
    seen = []
    for step in range(3):
        if rank == 1 and step == 1:
            flag.signum = signal.SIGTERM
        callback.on_step_end(None, None, control)  # type: ignore[arg-type]
        seen.append((control.should_save, control.should_training_stop))
        if control.should_training_stop:
            break
    results.put((rank, seen))
    torch.distributed.destroy_process_group()


def test_a_signal_to_one_process_stops_all_at_the_same_step(tmp_path: Path) -> None:
    context = torch.multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [
        context.Process(target=_process, args=(rank, str(tmp_path / "store"), results), daemon=True) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    assert found == {rank: [(False, False), (True, True)] for rank in (0, 1)}
