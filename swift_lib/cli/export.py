"""`python swift_lib/cli/export.py ...` is `swift export ...`, for a debugger."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from swift_lib.cli.main import main

    sys.exit(main(["export", *sys.argv[1:]]))
