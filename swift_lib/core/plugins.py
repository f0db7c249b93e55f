"""Users' plugin files: imported before arguments are checked, so that the names they bring are valid choices."""

import importlib.util
import logging
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from swift_lib.core.errors import PluginError, SwiftError
from swift_lib.core.registry import Registry

logger = logging.getLogger(__name__)

# Module-level names that the documents tell a plugin to define, and the registry (or list) that each one feeds.
HARVESTED: dict[str, str] = {
    "orms": "swift_lib.rewards.mapping:orms",
    "prms": "swift_lib.rewards.mapping:prms",
    "METRIC_MAPPING": "swift_lib.metrics.mapping:eval_metrics_map",
    "metric_mapping": "swift_lib.metrics.mapping:eval_metrics_map",
    "eval_metrics_map": "swift_lib.metrics.mapping:eval_metrics_map",
    "optimizers_map": "swift_lib.optimizers.mapping:optimizers_map",
    "LOSS_MAPPING": "swift_lib.loss.mapping:loss_map",
    "loss_mapping": "swift_lib.loss.mapping:loss_map",
    "loss_map": "swift_lib.loss.mapping:loss_map",
    "callbacks_map": "swift_lib.callbacks.mapping:callbacks_map",
    "extra_callbacks": "swift_lib.callbacks.mapping:extra_callbacks",
    "extra_tuners": "swift_lib.tuner_plugin.mapping:tuners_map",
    "tuners_map": "swift_lib.tuner_plugin.mapping:tuners_map",
    "loss_scale_map": "swift_lib.loss_scale.mapping:loss_scale_map",
    "agent_templates": "swift_lib.agent_template.mapping:agent_template_map",
    "agent_template_map": "swift_lib.agent_template.mapping:agent_template_map",
    "MODEL_MAPPING": "swift_lib.model.mapping:MODEL_MAPPING",
    "MODEL_ARCH_MAPPING": "swift_lib.model.arch:MODEL_ARCH_MAPPING",
    "TEMPLATE_MAPPING": "swift_lib.template.mapping:TEMPLATE_MAPPING",
}

_loaded: dict[str, ModuleType] = {}


def load_plugins(paths: Sequence[str]) -> list[ModuleType]:
    """Import each plugin once, then register what it defines under a documented name.

    A plugin is a `.py` file, a folder with `__init__.py`, or the dotted name of an installed module. A file's folder
    joins the end of `sys.path`, so that it can import its neighbours and shadows no library. Raises PluginError with
    file and line for anything that goes wrong inside a plugin.
    """
    return [_load(path) for path in paths if path]


def _load(path: str) -> ModuleType:
    file = _file_of(path)
    key = str(file) if file else path
    if key not in _loaded:
        module = _guarded_import(path, file)
        harvest(module)
        _loaded[key] = module
    return _loaded[key]


def _file_of(path: str) -> Path | None:
    """The file to import, or None for a dotted module name."""
    candidate = Path(path).expanduser()
    if candidate.is_dir():
        candidate = candidate / "__init__.py"
    if candidate.is_file():
        return candidate.resolve()
    if candidate.suffix == ".py" or "/" in path:
        raise PluginError(
            f"The plugin {path!r} does not exist", fix="check --external_plugins; paths start at " + str(Path.cwd())
        )
    return None


def _guarded_import(path: str, file: Path | None) -> ModuleType:
    try:
        return import_module(path) if file is None else _import_file(file)
    except SwiftError:
        raise
    except ModuleNotFoundError as error:
        if file is None and error.name == path.partition(".")[0]:
            raise PluginError(f"The plugin {path!r} is neither a file nor an installed module") from error
        raise _plugin_error(error, file) from error
    except Exception as error:
        raise _plugin_error(error, file) from error


def _import_file(file: Path) -> ModuleType:
    is_package = file.name == "__init__.py"
    folder = file.parent.parent if is_package else file.parent
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    name = file.parent.name if is_package else file.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    if known is not None or not name.isidentifier() or name in sys.stdlib_module_names:
        name = f"swift_plugin_{sha256(str(file).encode()).hexdigest()[:12]}"
    locations = [str(file.parent)] if is_package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=locations)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _plugin_error(error: Exception, file: Path | None) -> PluginError:
    where = str(file or "")
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if file is not None and Path(frame.filename) == file] or frames[-1:]
        where = f"{own[-1].filename}:{own[-1].lineno}" if own else where
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return PluginError(f"The plugin cannot be imported: {type(error).__name__}: {message}", where=where)


def harvest(module: ModuleType) -> None:
    """Register the entries of a plugin's module-level dicts and lists of documented names, and the agent formats of the
    3.0 documents that its functions are, with its file as origin."""
    origin = getattr(module, "__file__", None) or module.__name__
    for name, target in HARVESTED.items():
        value = vars(module).get(name)
        if value is None or isinstance(value, Registry):  # our own registry, imported: its entries are in it already
            continue
        module_name, _, attribute = target.partition(":")
        try:
            ours = getattr(import_module(module_name), attribute)
        except (ModuleNotFoundError, AttributeError) as error:
            raise PluginError(f"Nothing here takes {name} from a plugin", where=origin, fix="remove it") from error
        if value is not ours:
            _merge(name, value, ours, origin)
    if "tools_prompt" in vars(module) or any(name.startswith("format_") for name in vars(module)):
        formats = import_module("swift_lib.agent_template.from_function").formats_of(vars(module), origin)
        _merge("tools_prompt", formats, import_module("swift_lib.agent_template.mapping").agent_template_map, origin)


def _merge(name: str, value: Any, ours: Any, origin: str) -> None:
    if isinstance(ours, Registry):
        if not isinstance(value, Mapping):
            raise PluginError(f"{name} must be a dict of name to entry, not {type(value).__name__}", where=origin)
        for key, entry in value.items():
            ours.register(key, entry, origin=origin)
        return
    assert isinstance(ours, MutableSequence)
    if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
        raise PluginError(f"{name} must be a list, not {type(value).__name__}", where=origin)
    ours.extend(entry for entry in value if not any(entry is known for known in ours))
