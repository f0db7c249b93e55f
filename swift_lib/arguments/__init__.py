"""Declared values: one class per command, composed of groups; importing it imports neither torch nor transformers."""

from swift_lib.arguments.command import Command, field_specs, find_spec
from swift_lib.arguments.commands import (
    DeployArguments,
    EvalArguments,
    ExportArguments,
    InferArguments,
    PreprocessArguments,
    PretrainArguments,
    SamplingArguments,
    ServeArguments,
    SftArguments,
    TrainArguments,
)
from swift_lib.arguments.estimate import EstimateArguments
from swift_lib.arguments.parse import as_arguments, parse
from swift_lib.arguments.spec import REQUIRED, UNSET, FieldSpec
from swift_lib.arguments.store import load_args, save_args

__all__ = [
    "REQUIRED",
    "UNSET",
    "Command",
    "DeployArguments",
    "EstimateArguments",
    "EvalArguments",
    "ExportArguments",
    "FieldSpec",
    "InferArguments",
    "PreprocessArguments",
    "PretrainArguments",
    "SamplingArguments",
    "ServeArguments",
    "SftArguments",
    "TrainArguments",
    "as_arguments",
    "field_specs",
    "find_spec",
    "load_args",
    "parse",
    "save_args",
]
