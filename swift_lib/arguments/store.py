"""args.json beside every output."""

import json
from pathlib import Path
from typing import Any, TypeVar

from swift_lib.arguments.command import Command
from swift_lib.core.errors import DataError
from swift_lib.core.files import write_atomic
from swift_lib.core.safety import HIDDEN, redact

C = TypeVar("C", bound=Command)
ARGS_FILE = "args.json"
_HEAD = "command"


def save_args(args: Command, folder: str | Path) -> Path:
    """Write every value by its flat name, secrets redacted; the file appears whole or not at all."""
    target = Path(folder) / ARGS_FILE
    stored: dict[str, Any] = {_HEAD: type(args).__name__, **redact(args.to_flat())}
    write_atomic(target, (json.dumps(stored, indent=2, ensure_ascii=False) + "\n").encode())
    return target


def load_args(cls: type[C], folder: str | Path) -> C:
    """Read args.json back; equal to what was saved, but a redacted secret comes back as not given."""
    path = Path(folder) / ARGS_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"There is no {ARGS_FILE}", where=str(folder), fix="name a command's output folder") from None
    except ValueError as error:
        raise DataError(f"Not readable as JSON: {error}", where=str(path)) from None
    if not isinstance(stored, dict) or stored.get(_HEAD) != cls.__name__:
        raise DataError(f"Not the arguments of {cls.__name__}", where=str(path))
    return cls.from_flat({name: value for name, value in stored.items() if name != _HEAD and value != HIDDEN})
