"""Every name in every table stands for something that keeps its contract."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from swift_lib.core.registry import Registry

ROOT = Path(__file__).resolve().parents[1]


def tables() -> Iterator[tuple[str, Registry[object]]]:
    """Each registry of each mapping.py once, however many names it goes by."""
    seen: set[int] = set()
    for path in sorted((ROOT / "swift_lib").glob("*/mapping.py")):
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name, value in vars(module).items():
            if isinstance(value, Registry) and id(value) not in seen:
                seen.add(id(value))
                yield f"{path.parent.name}.{name}", value


ENTRIES = [pytest.param(table, name, id=f"{label}[{name}]") for label, table in tables() for name in table.names()]


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_the_entry_can_be_taken(table: Registry[object], name: str) -> None:
    assert table[name] is not None
