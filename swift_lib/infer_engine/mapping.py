"""The names of the engines: `--infer_backend`."""

from typing import Any

from swift_lib.core.registry import Registry

infer_engines: Registry[Any] = Registry(
    "inference engine",
    table={
        "transformers": "swift_lib.infer_engine.transformers_engine:TransformersEngine",
        "pt": "swift_lib.infer_engine.transformers_engine:TransformersEngine",  # the name of the 3.x documents
    },
)
