import torch

from swift_lib.loss.collectives import gather_objects, gather_rows, processes, sum_over_processes


def test_one_process_gets_back_what_it_gave() -> None:
    rows = torch.randn(3, 2, requires_grad=True)
    gathered, counts = gather_rows(rows)
    assert gathered is rows and counts == [3] and processes() == 1
    assert gather_objects({"a": 1}) == [{"a": 1}]
    total = sum_over_processes(rows)
    assert total.equal(rows) and total is not rows and not total.requires_grad
