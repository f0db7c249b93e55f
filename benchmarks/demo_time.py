"""`make demo` in at most five minutes on two cores, once everything is installed and with nothing made yet.

    python benchmarks/demo_time.py

Runs in a clean clone with the environments of this tree, so that base model and data are made too.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 300.0  # seconds


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "project"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for name in (".venv", ".venv-vllm"):
            if (ROOT / name).exists():
                (clone / name).symlink_to(ROOT / name)
        start = time.perf_counter()
        subprocess.run(["make", "--silent", "demo"], cwd=clone, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        summary = json.loads((clone / "outputs" / "demo" / "summary.json").read_text(encoding="utf-8"))
    stages = {name: round(value, 1) for name, value in summary["stages"].items()}
    print(
        json.dumps({"seconds": round(seconds, 1), "limit": LIMIT, "server": summary["server_engine"], "stages": stages})
    )
    return 0 if seconds <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
