"""Keeping secrets out of what is written, logged or tracked."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from swift_lib.core import environment

HIDDEN = "***"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORD = re.compile("password|passwd|passphrase|secrets?|credentials?|authorization|apikey|accesskey")
_KEY_OWNER = re.compile("api|access|secret|private|signing|encryption|account|storage|subscription|master")
_TOKEN_OWNER = re.compile(
    "hf|hub|hugging|huggingface|modelscope|ms|api|auth|oauth|jwt|access|session|refresh|bearer|identity|security|secret"
    "|tracking|github|gitlab|git|bot|service|user|wandb|swanlab|mlflow|aws|login|registry"
)
# `hf_secret_name` or `token_file` says where a secret is, not what it is.
_REFERENCE = re.compile("names?|ref|file|path|env")
_MINIMUM = 8  # shorter values ("admin", "1") would blot out ordinary text

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)(?!git@)[^/\s@'\"?#]+@")
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z][\w.-]*)(?P<sign>=|\"?: ?\"|'?: ?'|: )(?P<value>[^\s&'\",;]+)")
_SHAPES = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{20,}|(?:AKIA|ASIA)[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{20,}|gh[opsu]_[A-Za-z0-9]{30,}"
    r"|glpat-[A-Za-z0-9_-]{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,})"
)
_HEADER = re.compile(
    r"(?i:(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer)\s+)?[^\s\"']+)|\b(Bearer\s+)[\w.~+/=-]{12,}"
)
_SIGNATURES = frozenset(["sig", "signature", "xamzsignature", "xamzcredential", "xamzsecuritytoken"])


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """True for `api_key`, `HF_TOKEN`, `dbPassword`; False for `max_new_tokens`, `pad_token`, `secret_name`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or _REFERENCE.fullmatch(words[-1]):
        return False
    if any(map(_SECRET_WORD.fullmatch, words)) or "".join(words) in _SIGNATURES:
        return True
    pairs = list(pairwise(words))
    if any(_KEY_OWNER.fullmatch(owner) and word in {"key", "keys"} for owner, word in pairs):
        return True
    # `token` is also what a tokenizer makes: secret only alone or after a word that owns credentials.
    return words == ["token"] or any(
        _TOKEN_OWNER.fullmatch(owner) and word in {"token", "tokens"} for owner, word in pairs
    )


def redact(value: Any) -> Any:
    """A copy with secrets replaced by `***`: values under secret names, words after secret flags, credentials in URLs,
    tokens of known shape, and the value of every secret environment variable wherever it occurs.

    Mappings become dicts, tuples and lists keep their type, numbers and None are kept, everything else is passed on.
    """
    return _redact(value, _environment_secrets())


def redact_text(text: str) -> str:
    """`redact` for one string."""
    return _redact_text(text, _environment_secrets())


def _environment_secrets() -> tuple[str, ...]:
    found = {value for name, value in environment.snapshot().items() if is_secret_name(name) and len(value) >= _MINIMUM}
    return tuple(sorted(found, key=len, reverse=True))  # a secret may contain another


def _redact(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _redact_text(value, secrets)
    if isinstance(value, Mapping):
        return {_redact(key, secrets): _under(key, item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return _redact_words(value, secrets)
    if isinstance(value, PurePath):
        clean = _redact_text(str(value), secrets)
        return value if clean == str(value) else clean
    return value


def _under(key: Any, item: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(key, str) and is_secret_name(key):
        return _hide(item)
    return _redact(item, secrets)


def _hide(item: Any) -> Any:
    """Hide every leaf but keep what shows whether something was set at all."""
    if isinstance(item, Mapping):
        return {key: _hide(inner) for key, inner in item.items()}
    if isinstance(item, list | tuple):
        return [_hide(inner) for inner in item]
    return item if item is None or item == "" or isinstance(item, bool) else HIDDEN


def _redact_words(words: list[Any] | tuple[Any, ...], secrets: tuple[str, ...]) -> Any:
    """A list may be a command line: the word after `--api_key` is a secret."""
    result, hide_next = [], False
    for word in words:
        is_flag = isinstance(word, str) and word.startswith("--")
        result.append(HIDDEN if hide_next and not is_flag else _redact(word, secrets))
        hide_next = is_flag and "=" not in word and is_secret_name(word)
    return tuple(result) if isinstance(words, tuple) else result


def _redact_text(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _USERINFO.sub(lambda match: f"{match['scheme']}{HIDDEN}@", text)
    text = _SHAPES.sub(HIDDEN, text)
    text = _HEADER.sub(lambda match: f"{match[1] or match[2]}{HIDDEN}", text)
    return _ASSIGNMENT.sub(_hide_assignment, text)


def _hide_assignment(match: re.Match[str]) -> str:
    prose = match["sign"] == ": " and match["name"].lower() == "token"  # "unexpected token: }"
    if is_secret_name(match["name"]) and not prose:
        return f"{match['name']}{match['sign']}{HIDDEN}"
    return match[0]
