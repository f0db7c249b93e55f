"""`swift arguments`: every argument of every command, as help or as the reference page."""

from collections.abc import Sequence

from swift_lib.arguments.command import Command
from swift_lib.arguments.text import command_help, markdown
from swift_lib.cli.main import STAGES, arguments_class
from swift_lib.core.errors import ArgumentError


def main(words: Sequence[str]) -> None:
    """Print the help of one command, of all, or the reference page."""
    names = [word.replace("_", "-") for word in words if word != "--markdown"]
    unknown = [f"{name}: expected one of {', '.join(STAGES)}" for name in names if name not in STAGES]
    if unknown:
        raise ArgumentError(unknown)
    if "--markdown" in words:
        print(reference(), end="")
    else:
        print("\n".join(command_help(arguments_class(name), name) for name in names or STAGES), end="")


def reference() -> str:
    """The text of docs/arguments.md."""
    classes: dict[str, type[Command]] = {}
    for name in STAGES:
        cls = arguments_class(name)
        if cls not in classes.values():  # merge-lora is export with a preset
            classes[name] = cls
    return markdown(classes)
