"""`python swift_lib/cli/sft.py ...` is `swift sft ...`, for a debugger."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from swift_lib.cli.main import main

    sys.exit(main(["sft", *sys.argv[1:]]))
