"""Help texts, choices and defaults of component and pipeline parameters, taken from the fields they stand for."""

import inspect
from typing import Any

from pipelines.naming import SAME, parameters_of, pipeline_parameter
from pipelines.resources import HELP
from swift_lib.arguments import field_specs
from swift_lib.arguments.spec import FieldSpec
from swift_lib.pipelines.stage import ARGUMENTS, STAGES, sentinel

_ARGUMENTS_HELP = "Every other argument of `swift {command}`, by its flat name; a name given in both places must agree."
_OWN_HELP = {"finish": {"stages": "Stages whose outputs are checked."}}
COMMANDS = {
    "preprocess": "preprocess",
    "train": "sft",
    "merge_lora": "export",
    "evaluate": "eval",
    "reward_sampling": "sample",
    "serve": "serve",
}


def specs_of(stage: str) -> dict[str, FieldSpec]:
    """The fields of a stage's command by name; those of tracking for `finish`, which has no command."""
    known = {spec.name: spec for spec in field_specs(STAGES.get(stage, STAGES["train"]).arguments_class())}
    return known if stage in STAGES else {name: known[name] for name in SAME if name in known}


def component_help(stage: str) -> dict[str, dict[str, Any]]:
    """Parameter of a component -> its help and its choices, None's stand-in among them."""
    notes = {name: _note(spec) for name, spec in specs_of(stage).items()}
    if stage in STAGES:
        notes[ARGUMENTS] = {"help": _ARGUMENTS_HELP.format(command=COMMANDS[stage]), "choices": ()}
    own = {name: {"help": text, "choices": ()} for name, text in _OWN_HELP.get(stage, {}).items()}
    return notes | own


def pipeline_help() -> dict[str, dict[str, Any]]:
    """The same for a pipeline, by the prefixed names."""
    notes: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        for name, note in component_help(stage).items():
            notes.setdefault(pipeline_parameter(stage, name), note)
    return notes | {name: {"help": text, "choices": ()} for name, text in HELP.items()}


def readme_table(stage: str) -> str:
    """The parameters of a component as a Markdown table."""
    notes = component_help(stage)
    lines = ["| Parameter | Type | Default | Meaning |", "|---|---|---|---|"]
    for parameter in parameters_of(stage).values():
        default = "required" if parameter.default is inspect.Parameter.empty else f"`{parameter.default!r}`"
        note = notes[parameter.name]
        words = ", ".join(f"`{choice!r}`" for choice in note["choices"])
        meaning = note["help"] + (f" One of {words}." if words else "")
        lines.append(f"| `{parameter.name}` | {parameter.annotation.__name__} | {default} | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def _note(spec: FieldSpec) -> dict[str, Any]:
    # A registry's names are open to plugins, so only a closed list becomes a drop-down.
    closed = spec.choices if isinstance(spec.choices, tuple) and not spec.is_list else ()
    choices = (sentinel(spec), *closed) if closed and spec.optional else closed
    return {"help": spec.help, "choices": choices}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
