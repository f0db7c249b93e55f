"""`python swift_lib/cli/infer.py ...` is `swift infer ...`, for a debugger."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from swift_lib.cli.main import main

    sys.exit(main(["infer", *sys.argv[1:]]))
