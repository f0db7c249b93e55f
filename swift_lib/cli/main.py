"""`swift <command>`: find the command, parse its arguments, run its stage, print an error as one paragraph.

Imports nothing but the standard library at first, so that `swift --help` is quick.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple


class Stage(NamedTuple):
    """A command with declared arguments: their class, the function that takes them, defaults of its own."""

    summary: str
    arguments: str
    main: str
    preset: Mapping[str, Any] = MappingProxyType({})


class Tool(NamedTuple):
    """A command that reads its few words itself: `main(words)`."""

    summary: str
    usage: str
    main: str


_ARGUMENTS = "swift_lib.arguments"
_PIPELINES = "swift_lib.pipelines"

STAGES: dict[str, Stage] = {
    "preprocess": Stage("turn conversations into tokens, once", "PreprocessArguments", "preprocess:preprocess_main"),
    "sft": Stage("fine-tune a model on conversations", "SftArguments", "sft:sft_main"),
    "pt": Stage("go on with pre-training on plain text", "PretrainArguments", "pretrain:pretrain_main"),
    "estimate": Stage("tell memory and time of a training", "EstimateArguments", "estimate:estimate_main"),
    "infer": Stage("ask a model, or answer a whole dataset", "InferArguments", "infer:infer_main"),
    "export": Stage("write full weights, adapters merged", "ExportArguments", "export:export_main"),
    "merge-lora": Stage("export with merge_lora", "ExportArguments", "export:export_main", {"merge_lora": True}),
    "eval": Stage("score a model on held-out prompts", "EvalArguments", "evaluate:eval_main"),
    "sample": Stage("draw replies, score them, keep the best", "SamplingArguments", "sample:sampling_main"),
    "deploy": Stage("serve a model over the OpenAI API", "DeployArguments", "deploy:deploy_main"),
    "serve": Stage("start a server, ask it, measure, stop", "ServeArguments", "serve:serve_main"),
}

TOOLS: dict[str, Tool] = {
    "data": Tool("show rows of a preprocessed dataset", "show <folder> [--rows 3]", "swift_lib.cli.data:main"),
    "verify": Tool(
        "check an output against its manifest",
        "[--quick] <folder or s3:// URI> ...    (--quick compares sizes only)",
        f"{_PIPELINES}.verify:verify_main",
    ),
    "arguments": Tool(
        "list every argument of every command",
        "[command] [--markdown]    (--markdown prints docs/arguments.md)",
        "swift_lib.cli.arguments:main",
    ),
}

LATER = ("rlhf", "rollout", "app", "web-ui")


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("--help", "-h", "help"):
        print(usage(), end="")
        return 0
    if words[0] == "--version":
        from swift_lib import __version__

        print(f"swift {__version__}")
        return 0
    name, rest = words[0].replace("_", "-"), words[1:]
    if name in STAGES:
        return _guarded(lambda: run_stage(name, rest), debug=_asks_for_debug(rest))
    if name in TOOLS:
        return _guarded(lambda: run_tool(name, rest), debug=_asks_for_debug(rest))
    print(_unknown(name), file=sys.stderr)
    return 2


def usage() -> str:
    """The list of commands."""
    lines = ["Usage: swift <command> [--argument value ...]", ""]
    commands: dict[str, Stage | Tool] = {**STAGES, **TOOLS}
    lines += [f"  {name:<12}{command.summary}" for name, command in commands.items()]
    lines += [
        "",
        "`swift <command> --help` explains a command's arguments; `--config file.yaml` reads them from a file.",
    ]
    return "\n".join(lines) + "\n"


def run_stage(name: str, words: Sequence[str]) -> int:
    """Parse the words of a command with declared arguments and run it, or print its help."""
    from swift_lib.core.imports import keep_out_unused
    from swift_lib.core.logs import setup_logging
    from swift_lib.core.signals import raise_on_signals

    stage = STAGES[name]
    cls = arguments_class(name)
    if "--help" in words or "-h" in words:
        from swift_lib.arguments.text import command_help

        print(command_help(cls, name), end="")
        return 0
    from swift_lib.arguments import parse

    setup_logging()
    keep_out_unused()
    args = parse(cls, words, stage.preset)
    setup_logging(args.common.log_level)
    with raise_on_signals():
        if not _runs_in_processes(name, words, args):
            load(f"{_PIPELINES}.{stage.main}")(args)
    return 0


def _runs_in_processes(name: str, words: Sequence[str], args: Any) -> bool:
    """True where other processes were asked for and have done the work."""
    from swift_lib.pipelines import launch

    started = launch.plan_of(args.to_flat()) if name in launch.COMMANDS else None
    if started:
        launch.run_workers(started, [name, *words], debug=_asks_for_debug(words))
    return started is not None


def run_tool(name: str, words: Sequence[str]) -> int:
    """Run a command that reads its words itself, or print its usage."""
    tool = TOOLS[name]
    if "--help" in words or "-h" in words:
        print(f"Usage: swift {name} {tool.usage}\n\n{tool.summary[0].upper()}{tool.summary[1:]}.")
        return 0
    load(tool.main)([word for word in words if word != "--debug"])
    return 0


def arguments_class(name: str) -> Any:
    """The argument class of a command."""
    return load(f"{_ARGUMENTS}:{STAGES[name].arguments}")


def load(target: str) -> Any:
    """The thing at "module:attribute"."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _guarded(run: Callable[[], int], *, debug: bool) -> int:
    from swift_lib.core.errors import SwiftError
    from swift_lib.core.registry import missing_dependency

    try:
        return run()
    except SwiftError as error:
        if debug:
            raise
        from swift_lib.pipelines.launch import leave_error

        if not leave_error(error):
            print(f"swift: {error}" if error.exit_code == 1 else str(error), file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if debug or str(error.name).startswith("swift_lib"):
            raise
        print(f"swift: {missing_dependency('this command', str(error.name), 'train')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if debug:
            raise
        print("swift: stopped by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        sys.stderr.close()
        return 0


def _asks_for_debug(words: Sequence[str]) -> bool:
    if "--debug=true" in words:
        return True
    if "--debug" not in words:
        return False
    following = [*words, ""][words.index("--debug") + 1]
    return following.lower() not in ("false", "no", "off", "0")


def _unknown(name: str) -> str:
    if name in LATER:
        return f"swift {name} is not available yet. Do: see `swift --help` for what is."
    from difflib import get_close_matches

    nearest = get_close_matches(name, [*STAGES, *TOOLS], n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"There is no command {name!r}.{hint} Do: see `swift --help` for the commands."


if __name__ == "__main__":
    from pathlib import Path

    sys.path[0] = str(Path(__file__).resolve().parents[2])
    sys.exit(main())
