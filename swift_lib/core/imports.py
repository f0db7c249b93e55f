"""Keeping out what other libraries import on the way and nothing here uses: seconds of every start."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# The module that imports, and what: for an option of assisted generation, at 2 s, as pandas and scipy come with it.
_IMPORTER, _UNUSED = "transformers.generation.candidate_generator", "sklearn"


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """While it lasts, these libraries count as not installed, unless they are imported already."""
    added = [name for name in names if name not in sys.modules]
    for name in added:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way of saying that there is none
    try:
        yield
    finally:
        for name in added:
            if sys.modules.get(name, added) is None:
                del sys.modules[name]


def keep_out_unused() -> None:
    """From now on transformers does not import scikit-learn by itself; who else does gets it as ever."""
    if _IMPORTER not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the one importer as Python would, and loads it while the library is hidden."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != _IMPORTER:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _HidingLoader(spec.loader)
        return spec


class _HidingLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        utils = sys.modules.get("transformers.utils.import_utils")
        answered = getattr(getattr(utils, "is_sklearn_available", None), "cache_info", None)
        # Once transformers has seen the library it goes on believing in it, and must find it.
        names = () if answered is None or answered().currsize else (_UNUSED,)
        with hidden(*names):
            self._loader.exec_module(module)
