import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core import plugins
from swift_lib.core.errors import PluginError
from swift_lib.core.registry import Registry


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module with one registry and one list for documented names to land in, forgotten after the test."""
    module = type(sys)("plugin_home")
    module.orms = Registry("reward", table={"exact": len})  # type: ignore[attr-defined]
    module.extra_callbacks = []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugin_home", module)
    monkeypatch.setattr(
        plugins, "HARVESTED", {"orms": "plugin_home:orms", "extra_callbacks": "plugin_home:extra_callbacks"}
    )
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield module
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, body: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)
    return str(path)


def test_a_dict_of_a_documented_name_is_registered_with_its_file(tmp_path: Path, home: Any) -> None:
    file = write(tmp_path / "mine.py", "class Math: pass\norms = {'math': Math}\n")
    plugins.load_plugins([file])
    assert home.orms["math"].__name__ == "Math"
    assert home.orms.origin("math") == file


def test_our_own_registry_under_its_name_is_skipped(tmp_path: Path, home: Any) -> None:
    file = write(tmp_path / "mine.py", "from plugin_home import orms\norms['math'] = dict\n")
    plugins.load_plugins([file])
    assert home.orms.origin("math") == f"{file}:2"


def test_lists_of_several_plugins_add_up(tmp_path: Path, home: Any) -> None:
    a = write(tmp_path / "a.py", "extra_callbacks = ['a']\n")
    b = write(tmp_path / "b.py", "from plugin_home import extra_callbacks\nextra_callbacks.append('b')\n")
    plugins.load_plugins([a, b])
    assert home.extra_callbacks == ["a", "b"]


def test_a_file_given_twice_is_imported_once(tmp_path: Path, home: Any) -> None:
    file = write(tmp_path / "mine.py", "class Math: pass\norms = {'math': Math}\n")
    link = tmp_path / "again.py"
    link.symlink_to(file)
    first, second = plugins.load_plugins([file, str(link)])
    assert first is second


def test_a_dotted_module_name_works(home: Any) -> None:
    (module,) = plugins.load_plugins(["json.tool"])
    assert module.__name__ == "json.tool"


def test_a_folder_with_init_works(tmp_path: Path, home: Any) -> None:
    write(tmp_path / "pack/other.py", "value = 3\n")
    write(tmp_path / "pack/__init__.py", "from pack.other import value\norms = {'v': value}\n")
    plugins.load_plugins([str(tmp_path / "pack")])
    assert home.orms["v"] == 3


def test_a_plugin_imports_its_neighbour(tmp_path: Path, home: Any) -> None:
    write(tmp_path / "beside_plugin.py", "value = 7\n")
    file = write(tmp_path / "mine.py", "from beside_plugin import value\norms = {'v': value}\n")
    plugins.load_plugins([file])
    assert home.orms["v"] == 7


def test_a_plugin_named_like_a_library_shadows_nothing(tmp_path: Path, home: Any) -> None:
    import json

    file = write(tmp_path / "json.py", "orms = {'v': 1}\n")
    plugins.load_plugins([file])
    assert sys.modules["json"] is json and home.orms["v"] == 1


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path, home: Any) -> None:
    files = [write(tmp_path / name / "plugin.py", f"orms = {{'{name}': 1}}\n") for name in ("a", "b")]
    plugins.load_plugins(files)
    assert {"a", "b"} <= set(home.orms)


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("x = 1\ndef broken(:\n", 2, "SyntaxError"),
        ("\n\nimport not_there_at_all\n", 3, "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("def f():\n    return 1 / 0\nf()\n", 2, "ZeroDivisionError"),
    ],
)
def test_an_error_inside_names_file_and_line(tmp_path: Path, body: str, line: int, message: str) -> None:
    file = write(tmp_path / "broken.py", body)
    with pytest.raises(PluginError) as caught:
        plugins.load_plugins([file])
    assert f"{file}:{line}" in str(caught.value) and message in str(caught.value)
    assert "broken" not in sys.modules


@pytest.mark.parametrize("path", ["nowhere/plugin.py", "no_such_module_here"])
def test_a_plugin_that_is_not_there_is_one_error(path: str) -> None:
    with pytest.raises(PluginError, match=path):
        plugins.load_plugins([path])


@pytest.mark.parametrize("body", ["orms = [1]\n", "extra_callbacks = {'a': 1}\n"])
def test_a_documented_name_of_the_wrong_shape_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(PluginError, match="must be a"):
        plugins.load_plugins([write(tmp_path / "mine.py", body)])


def test_a_documented_name_without_a_home_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "HARVESTED", {"prms": "plugin_home:prms"})
    with pytest.raises(PluginError, match="Nothing here takes prms"):
        plugins.load_plugins([write(tmp_path / "mine.py", "prms = {}\n")])


def test_the_documented_plugin_file_reaches_the_real_registry(tmp_path: Path) -> None:
    file = write(
        tmp_path / "math_plugin.py",
        "from swift_lib.rewards.orm import ORM\n"
        "class MathORM(ORM):\n"
        "    def __call__(self, infer_requests, ground_truths, **kwargs):\n"
        "        return [0.0 for _ in infer_requests]\n"
        "orms = {'my_math': MathORM}\n",
    )
    code = (
        "import sys\n"
        "from swift_lib.core.plugins import load_plugins\n"
        "from swift_lib.rewards.mapping import orms\n"
        "load_plugins([sys.argv[1]])\n"
        "assert orms['my_math'].__name__ == 'MathORM' and orms.origin('my_math') == sys.argv[1]\n"
    )
    subprocess.run([sys.executable, "-c", code, file], check=True, cwd=Path(__file__).parents[2])
