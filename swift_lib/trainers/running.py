"""What lies between two log lines: sums that are in no log line yet, and which the Trainer's checkpoint leaves out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from swift_lib.core.files import write_atomic


@dataclass(frozen=True)
class Running:
    """Of one process. `loss`: sum of the steps' losses since the last log line, `total_loss` that of all before it;
    `logged_step`: the step of that line; `means`: total and count of each mean, float64.

    owes_evaluation: this step's evaluation was broken off by a signal.
    """

    loss: float
    total_loss: float
    logged_step: int
    means: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    owes_evaluation: bool = False

    def write(self, folder: Path, rank: int) -> None:
        """Write it into a checkpoint's folder. Python's text of a float is exact."""
        write_atomic(folder / f"running_{rank}.json", json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, folder: Path, rank: int, world_size: int) -> "Running | None":
        """That of process `rank`; None in a checkpoint that has none.

        Where another number of processes wrote the checkpoint, each new one gets the mean of their losses, and the
        first one all of their means' totals.
        """
        files = sorted(folder.glob("running_*.json"))
        if not files:
            return None
        every = [cls(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
        if len(every) == world_size:
            return cls(**json.loads((folder / f"running_{rank}.json").read_text(encoding="utf-8")))
        names = sorted({name for one in every for name in one.means})
        totals = {name: [sum(one.means[name][at] for one in every) for at in (0, 1)] for name in names}
        means = {name: (totals[name][0], totals[name][1]) if rank == 0 else (0.0, 0.0) for name in names}
        first = every[0]
        loss = sum(one.loss for one in every) / len(every)
        return cls(loss, first.total_loss, first.logged_step, means, first.owes_evaluation)
