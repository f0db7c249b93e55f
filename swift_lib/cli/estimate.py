"""`python swift_lib/cli/estimate.py ...` is `swift estimate ...`, for a debugger."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from swift_lib.cli.main import main

    sys.exit(main(["estimate", *sys.argv[1:]]))
