"""`python swift_lib/cli/merge_lora.py ...` is `swift merge-lora ...`, for a debugger."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from swift_lib.cli.main import main

    sys.exit(main(["merge-lora", *sys.argv[1:]]))
