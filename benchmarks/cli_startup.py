"""Wall time of `swift --help` and its neighbours as fresh processes: the limit for the first is 0.15 s.

python benchmarks/cli_startup.py [--runs 15]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 0.15
LINES = ["--help", "--version", "sft --help", "sft --lora_rnk 3"]


def seconds(words: list[str]) -> float:
    """One run; its output goes nowhere."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], capture_output=True, env=environment)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    figures = {}
    for line in LINES:
        times = [seconds(["-m", "swift_lib", *line.split()]) for _ in range(runs + 1)][
            1:
        ]  # the first writes .pyc files
        figures[line] = statistics.median(times)
        print(f"swift {line:<20}median {figures[line]:.3f} s   fastest {min(times):.3f} s")
    print(f"python -c pass             median {statistics.median(seconds(['-c', 'pass']) for _ in range(runs)):.3f} s")
    print(f"limit for swift --help     {LIMIT} s: {'kept' if figures['--help'] <= LIMIT else 'BROKEN'}")
    return int(figures["--help"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
