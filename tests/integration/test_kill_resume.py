"""Trainings that are killed at random points end as if nothing had been (scripts/kill_test.py in its short form)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def test_killed_trainings_end_as_if_nothing_had_been(tmp_path: Path) -> None:
    """Rows apart and packed, LoRA and full, 1 and 2 processes; SIGKILL and SIGTERM at random points."""
    line = [sys.executable, str(ROOT / "scripts" / "kill_test.py"), "--kills", "8", "--short"]
    done = subprocess.run(
        [*line, "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"},
        cwd=ROOT,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = re.search(r"^(\d+) kills, 0 differences", done.stdout, re.MULTILINE)
    assert found and int(found[1]) >= 4, done.stdout
