import logging
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.core import registry as registry_module
from swift_lib.core.errors import ContractError, DuplicateName, MissingDependency, UnknownName
from swift_lib.core.registry import Registry


class Shape:
    pass


class Circle(Shape):
    pass


def registry(**table: object) -> Registry:
    return Registry("shape", Shape, {"circle": Circle, **table})


def from_file(path: Path, reg: Registry, body: str) -> None:
    """Run plugin code as if it stood in `path`."""
    exec(compile(body, str(path), "exec"), {"reg": reg, "Shape": Shape, "Circle": Circle})


def test_names_are_listed_without_importing() -> None:
    reg = registry(late="no_such_module:Thing")
    assert reg.names() == ["circle", "late"]
    assert "late" in reg and len(reg) == 2 and list(reg) == ["circle", "late"]


def test_text_target_is_imported_when_taken() -> None:
    reg = Registry("decoder", table={"json": "json:JSONDecoder"})
    assert reg["json"].__name__ == "JSONDecoder"
    assert reg["json"] is reg["json"]


def test_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        registry()["cirlce"]
    assert "Unknown shape 'cirlce'. Did you mean 'circle'? Known: circle" in str(caught.value)
    assert isinstance(caught.value, LookupError)


def test_a_long_table_is_counted_not_listed() -> None:
    reg = Registry("word", table={f"name{number}": "json:loads" for number in range(100)})
    with pytest.raises(UnknownName, match="100 names are known"):
        reg["zzz"]


def test_get_answers_the_default_for_an_unknown_name() -> None:
    assert registry().get("square") is None
    assert registry().get("square", Circle) is Circle
    assert registry().get("circle") is Circle


def test_item_assignment_registers() -> None:
    reg = registry()
    reg["square"] = Square = type("Square", (Shape,), {})
    assert reg["square"] is Square


def test_a_plugins_entry_is_not_built_in(tmp_path: Path) -> None:
    reg = Registry("shape", Shape, {"circle": "swift_lib.core.registry:Registry"})
    from_file(tmp_path / "plugin.py", reg, "reg['square'] = Shape")
    assert not reg.is_builtin("square")
    assert Registry("loss", table={"a": "json:loads"}).is_builtin("a")


def test_deleting_is_not_possible() -> None:
    with pytest.raises((TypeError, AttributeError)):
        del registry()["circle"]


def test_decorator_returns_the_thing_and_records_where() -> None:
    reg = registry()

    @reg.register("square", summary="four sides")
    class Square(Shape):
        pass

    assert reg["square"] is Square
    assert reg.summary("square") == "four sides"
    assert reg.origin("square").rpartition(":")[0] == __file__


def test_entry_that_breaks_the_contract_is_refused_when_taken() -> None:
    reg = registry()
    reg["wrong"] = dict
    with pytest.raises(ContractError, match="subclass or an instance of Shape") as caught:
        reg["wrong"]
    assert __file__ in str(caught.value)


def test_instances_keep_a_class_contract_too() -> None:
    reg = registry()
    reg["one"] = circle = Circle()
    assert reg["one"] is circle


def test_contract_may_be_a_function() -> None:
    def callable_only(name: str, thing: object) -> None:
        if not callable(thing):
            raise ContractError(f"{name} is not callable")

    reg = Registry("function", callable_only, {"good": len})
    reg["bad"] = 3
    assert reg["good"] is len
    with pytest.raises(ContractError, match="bad is not callable"):
        reg["bad"]


def test_contract_may_be_text_and_is_imported_late() -> None:
    reg = Registry("codec", "json:JSONDecoder", {"bad": dict})
    with pytest.raises(ContractError, match="JSONDecoder"):
        reg["bad"]


def test_plugin_replaces_a_builtin_with_one_line(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    reg = registry()
    with caplog.at_level(logging.INFO):
        from_file(tmp_path / "a.py", reg, "reg['circle'] = type('Mine', (Shape,), {})")
    assert reg["circle"].__name__ == "Mine"
    assert [record.message for record in caplog.records] == [
        f"shape 'circle': the built-in is replaced by {tmp_path / 'a.py'}:1"
    ]


def test_two_plugins_with_one_name_are_an_error_naming_both(tmp_path: Path) -> None:
    reg = registry()
    from_file(tmp_path / "a.py", reg, "reg['x'] = type('A', (Shape,), {})")
    with pytest.raises(DuplicateName) as caught:
        from_file(tmp_path / "b.py", reg, "\nreg['x'] = type('B', (Shape,), {})")
    assert "a.py:1" in str(caught.value) and "b.py:2" in str(caught.value)
    assert reg["x"].__name__ == "A"


def test_one_file_may_not_use_a_name_twice(tmp_path: Path) -> None:
    body = "reg['x'] = type('A', (Shape,), {})\nreg['x'] = type('B', (Shape,), {})"
    with pytest.raises(DuplicateName):
        from_file(tmp_path / "a.py", registry(), body)


def test_the_same_file_run_twice_is_no_duplicate(tmp_path: Path) -> None:
    reg = registry()
    for _ in range(2):
        from_file(tmp_path / "a.py", reg, "reg['x'] = type('A', (Shape,), {})")
    assert reg["x"].__name__ == "A"


def test_exist_ok_replaces(tmp_path: Path) -> None:
    reg = registry()
    from_file(tmp_path / "a.py", reg, "reg['x'] = type('A', (Shape,), {})")
    from_file(tmp_path / "b.py", reg, "reg.register('x', type('B', (Shape,), {}), exist_ok=True)")
    assert reg["x"].__name__ == "B"


@pytest.mark.parametrize("builtin", [Circle, f"{__name__}:Circle"])
def test_identical_thing_under_its_own_name_is_silent(builtin: object, caplog: pytest.LogCaptureFixture) -> None:
    sys.modules.setdefault(__name__, sys.modules[Circle.__module__])
    reg = Registry("shape", Shape, {"circle": builtin})
    with caplog.at_level(logging.INFO):
        reg["circle"] = Circle
    assert not caplog.records


def test_identical_pair_of_functions_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reg = Registry("metric", table={"acc": (len, None)})
    with caplog.at_level(logging.INFO):
        reg["acc"] = (len, None)
    assert not caplog.records


def test_missing_library_becomes_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_it.py").write_text("import library_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    reg = Registry("engine", table={"x": "needs_it:X"}, extra="serve")
    with pytest.raises(MissingDependency) as caught:
        reg["x"]
    assert "engine 'x' needs 'library_that_is_not_there'" in str(caught.value)
    assert "pip install 'swift-pipelines[serve]'" in str(caught.value)
    assert isinstance(caught.value, ImportError)


@pytest.mark.parametrize("target", ["json:nothing_there", "json", ":x", "json:"])
def test_target_that_leads_nowhere_is_a_contract_error(target: str) -> None:
    with pytest.raises(ContractError):
        Registry("thing", table={"x": target})["x"]


def test_comparing_and_printing_import_nothing() -> None:
    reg = registry(late="no_such_module:Thing")
    assert reg != {"circle": Circle} and reg == reg and hash(reg)
    assert repr(reg) == "<registry of 2 shape names>"


@given(st.dictionaries(st.text(min_size=1), st.integers(), max_size=30), st.text())
def test_mapping_laws_hold_for_any_names(table: dict[str, int], asked: str) -> None:
    reg = Registry("number", table=table)
    assert dict(reg) == table
    assert (asked in reg) == (asked in table)
    if asked not in table:
        with pytest.raises(UnknownName):
            reg[asked]


@pytest.mark.parametrize("name", ["", 3, None])
def test_a_name_is_a_nonempty_text(name: object) -> None:
    with pytest.raises(ContractError, match="non-empty text"):
        registry().register(name, Circle)  # type: ignore[call-overload]


def test_core_imports_nothing_heavy() -> None:
    folder = Path(registry_module.__file__).parent
    code = "import sys\n" + "".join(f"import swift_lib.core.{file.stem}\n" for file in folder.glob("[!_]*.py"))
    code += "heavy = {'torch', 'numpy', 'boto3', 'mlflow', 'pyarrow', 'transformers', 'yaml'} & set(sys.modules)\n"
    code += "sys.exit(f'imported {heavy}' if heavy else 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
