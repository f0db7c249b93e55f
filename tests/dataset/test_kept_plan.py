from pathlib import Path

import numpy as np
import pytest

from swift_lib.dataset import kept_plan as module
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.artifact_writer import ArtifactWriter
from swift_lib.dataset.kept_plan import kept_plan
from swift_lib.dataset.packing import PackPlan, plan_packs


@pytest.fixture()
def rows(tmp_path: Path) -> TokenDataset:
    random = np.random.RandomState(0)
    with ArtifactWriter(tmp_path / "rows") as writer:
        for row_id in range(50):
            writer.add(row_id, list(range(1, 2 + random.randint(1, 30))), [])
        writer.close()
    return TokenDataset.open(tmp_path / "rows")


def plan(folder: Path, rows: TokenDataset, seed: int = 1, length: int = 64) -> PackPlan:
    return kept_plan(folder, rows, length, strategy="binpack", seed=seed)


def test_a_plan_is_made_once(rows: TokenDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.0)
    made = plan(tmp_path, rows)
    assert made.digest == plan_packs(rows.lengths, 64, seed=1).digest
    monkeypatch.setattr(module, "plan_packs", lambda *_args, **_options: pytest.fail("made again"))
    read = plan(tmp_path, rows)
    assert read.digest == made.digest and read.tokens == made.tokens and read.used == made.used


def test_another_seed_or_length_is_another_plan(
    rows: TokenDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.0)
    digests = {plan(tmp_path, rows, seed, length).digest for seed in (1, 2) for length in (64, 80)}
    assert len(digests) == 4 and len(list(tmp_path.glob(".swift-plan-*.npy"))) == 4


@pytest.mark.parametrize("damage", [b"", b"x", b"in the middle"])
def test_a_damaged_file_is_not_believed(
    rows: TokenDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.0)
    made = plan(tmp_path, rows)
    (file,) = tmp_path.glob(".swift-plan-*.npy")
    data = file.read_bytes()
    file.write_bytes(data[:300] + damage + data[300 + len(damage) :] if len(damage) > 1 else damage)
    assert plan(tmp_path, rows).digest == made.digest


def test_what_takes_no_time_is_not_kept(rows: TokenDataset, tmp_path: Path) -> None:
    plan(tmp_path, rows)
    assert not list(tmp_path.glob(".swift-plan-*"))
