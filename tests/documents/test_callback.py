"""Callbacks of the documents, in both forms, in a training with --external_plugins."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transformers

import swift_lib.callbacks
import swift_lib.plugin.callback
from swift_lib.callbacks import callbacks_map, extra_callbacks
from swift_lib.core import plugins


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(callbacks_map, "_entries", dict(callbacks_map._entries))
    monkeypatch.setattr(plugins, "_loaded", {})
    extra_callbacks.clear()
    yield
    extra_callbacks.clear()


def watch(cls: type, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The calls that a class of a user file gets: its own functions do nothing."""
    calls: list[tuple[str, Any]] = []
    for event in ("on_train_begin", "on_save"):

        def noted(self: Any, args: Any, state: Any, control: Any, _event: str = event, **kwargs: Any) -> None:
            assert isinstance(args, transformers.TrainingArguments) and args.tuner_type == "full"
            calls.append((_event, state.global_step, self))

        monkeypatch.setattr(cls, event, noted)
    return calls


def test_a_named_class_of_the_4_0_page(
    files: Path, learn: Callable[..., Any], plugin: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("custom_callback.py")
    calls = watch(callbacks_map["custom"], monkeypatch)
    words = {"external_plugins": [str(files / "custom_callback.py")], "save_steps": 25}
    learn("without", max_steps=1, **words)
    assert calls == []  # only what is named runs
    run = learn(callbacks=["custom"], **words)
    run.require_learned()
    assert [call[:2] for call in calls] == [("on_train_begin", 0), ("on_save", 25), ("on_save", 50)]
    callback = calls[0][2]
    assert callback.args.learning_rate == 3e-3 and callback.trainer.model is run.model


def test_extra_callbacks_of_the_3_0_page_need_no_flag(
    files: Path, learn: Callable[..., Any], plugin: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("custom_extra_callbacks.py")
    (instance,) = extra_callbacks
    calls = watch(type(instance), monkeypatch)
    run = learn(external_plugins=[str(files / "custom_extra_callbacks.py")], save_steps=25)
    run.require_learned()
    assert calls == [("on_train_begin", 0, instance), ("on_save", 25, instance), ("on_save", 50, instance)]


def test_the_page_of_3_0_has_both_blocks(files: Path, shared: Path) -> None:
    page = (shared / "documents" / "pluginization-3.0-zh.md").read_text(encoding="utf-8")
    text = (files / "custom_extra_callbacks.py").read_text(encoding="utf-8")
    assert "```python\nextra_callbacks = [CustomCallback()]\n```" in page
    assert text.endswith("\n\n\nextra_callbacks = [CustomCallback()]\n")


def test_the_english_page_has_the_same_class(files: Path, shared: Path) -> None:
    """Its stored form has lost all indentation; its comments are a little other words."""
    english = (shared / "documents" / "pluginization-3.0-en.txt").read_text(encoding="utf-8").splitlines()
    text = (files / "custom_extra_callbacks.py").read_text(encoding="utf-8")
    cls = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    code = [line.strip() for line in (ast.get_source_segment(text, cls) or "").splitlines() if line.strip()]
    code = [line for line in code if not line.startswith("#")]
    start = english.index(code[0])
    theirs = [line for line in english[start : start + 12] if not line.startswith("#")]
    assert theirs[: len(code)] == code


@pytest.mark.parametrize("name", ["TrainerCallback", "TrainerControl", "TrainerState", "TrainingArguments"])
def test_names_of_the_blocks_can_be_imported_under_both_paths(name: str) -> None:
    ours = getattr(swift_lib.callbacks, name)
    assert ours is getattr(swift_lib.plugin.callback, name)
    assert issubclass(ours, getattr(transformers, name))
