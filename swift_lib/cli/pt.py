"""`python swift_lib/cli/pt.py ...` is `swift pt ...`, for a debugger."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from swift_lib.cli.main import main

    sys.exit(main(["pt", *sys.argv[1:]]))
