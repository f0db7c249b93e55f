"""Every error a user can meet, as one tree.

SwiftError                 exit status 1, one paragraph: what, where, what to do
├── ArgumentError          exit status 2, every problem on its own line
├── RegistryError
│   ├── UnknownName        also a LookupError
│   ├── DuplicateName
│   ├── ContractError
│   └── MissingDependency  also an ImportError
├── PluginError
├── ModelError
├── TemplateError
├── DataError
├── MediaError              also a ValueError
├── OutputError
├── ManifestError
├── StorageError
├── TrainingError
├── EngineError
├── PipelineError
├── WorkerFailed           exit status of the process that failed
├── PeerFailed             the same, in the other processes of the run
└── Interrupted            exit status 128 + signal number
"""

import signal
from collections.abc import Sequence


class SwiftError(Exception):
    """Something the user can put right. `str()` is one paragraph; our own bugs are assertions instead."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        parts = [_sentence(self.what)]
        if self.where:
            parts.append(_sentence(f"Where: {self.where}"))
        if self.fix:
            parts.append(_sentence(f"Do: {self.fix}"))
        return " ".join(parts)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


class ArgumentError(SwiftError):
    """All problems of one set of arguments, so that a user mends them in one go."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
        self.args = (self.problems,)  # what unpickling in another process passes to the constructor

    def __str__(self) -> str:
        return "\n".join(self.problems)


class RegistryError(SwiftError):
    """A name or an entry of a registry is wrong."""


class UnknownName(RegistryError, LookupError):
    """No entry of that name. Not a KeyError, whose message prints quoted."""


class DuplicateName(RegistryError):
    """Two plugins claim one name."""


class ContractError(RegistryError):
    """An entry is not what its registry promises."""


class MissingDependency(RegistryError, ImportError):
    """A library that an entry or a feature needs is not installed."""


class PluginError(SwiftError):
    """A user's plugin file cannot be imported."""


class ModelError(SwiftError):
    """A model, tokenizer or adapter cannot be found, matched or loaded."""


class TemplateError(SwiftError):
    """A conversation cannot be rendered by a template."""


class DataError(SwiftError):
    """A dataset or a row of it cannot be used."""


class MediaError(SwiftError, ValueError):
    """An image, video or audio cannot be read or decoded."""


class OutputError(SwiftError):
    """An output folder cannot be written."""


class ManifestError(SwiftError):
    """A manifest is absent, unreadable, or does not match its folder."""


class StorageError(SwiftError):
    """A URI cannot be read or written."""


class TrainingError(SwiftError):
    """A training cannot go on."""


class EngineError(SwiftError):
    """An inference engine or server failed."""


class PipelineError(SwiftError):
    """A pipeline or a stage of it failed."""


class WorkerFailed(SwiftError):
    """One of the processes that a command started ended with this error, told as that process told it."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.args = (text, exit_code)

    def __str__(self) -> str:
        return self.what


class PeerFailed(WorkerFailed):
    """Another process of this run failed, and tells why; this one ends with it and says nothing."""

    def __init__(self, rank: int, text: str, exit_code: int) -> None:
        super().__init__(text, exit_code)
        self.rank = rank
        self.args = (rank, text, exit_code)


class Interrupted(SwiftError):
    """A signal asked the process to stop."""

    def __init__(self, signum: int) -> None:
        self.signum = int(signum)
        super().__init__(f"Stopped by {signal.Signals(self.signum).name}")
        self.args = (self.signum,)

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # a class constant everywhere else
        """128 + signal number, as shells report it."""
        return 128 + self.signum


def first_line(error: Exception) -> str:
    """What another library's error says first; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
