"""What two processes of a training compute together; started by test_gathered_losses.py, once for each rank."""

import json
import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.functional import normalize

from swift_lib.core.ranking import InfonceOptions
from swift_lib.loss.channels import ChannelLosses
from swift_lib.loss.collectives import gather_objects, sum_over_processes
from swift_lib.loss.infonce import infonce
from swift_lib.metrics.running import MeanMetric, TokenAccuracy

SIZES = [[2, 0, 1], [3, 1]]  # negatives of the groups of each rank
OPTIONS = InfonceOptions(include_qq=True, include_dd=True, mask_fake_negative=True)


def model() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(6, 4, bias=False)


def rows_of(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    labels = [label for count in SIZES[rank] for label in [1] + [0] * count]
    generator = torch.Generator().manual_seed(rank)
    return torch.randn(len(labels) + len(SIZES[rank]), 6, generator=generator), torch.tensor(labels)


def loss_of(linear: torch.nn.Linear, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return infonce(normalize(linear(rows)), labels, OPTIONS)


def main(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    parallel = torch.nn.parallel.DistributedDataParallel(model())
    loss = infonce(normalize(parallel(rows_of(rank)[0])), rows_of(rank)[1], OPTIONS)
    loss.backward()
    channels = ChannelLosses()
    names = ["both", "first"] if rank == 0 else ["both", "second"]
    channels.update(torch.tensor([[0.0, rank + 1.0]] * 2), torch.tensor([[-100, 1]] * 2), names)
    accuracy, mean = TokenAccuracy(), MeanMetric()
    accuracy.update(torch.tensor([[1, 1, 1]] * (rank + 1)), torch.tensor([[-100, 1, rank]] * (rank + 1)))
    mean.update([1.0] if rank == 0 else [2.0, 6.0])
    found = {
        "loss": loss.item(),
        "gradient": parallel.module.weight.grad.tolist(),
        "channels": channels.take(),
        "ranks": gather_objects(rank),
        "accuracy": accuracy.compute(),
        "mean": mean.compute(),
        "sum": sum_over_processes(torch.tensor([1.0, rank])).tolist(),
    }
    (folder / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
