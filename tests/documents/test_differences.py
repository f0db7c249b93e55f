"""User files repeat the documents' blocks; what was changed is what their `.diff` shows."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

BLOCKS = {
    "agent_template_debug.py": ("architecture-4.0.md", 'data = {"tools"'),
    "loss_scale_debug.py": ("architecture-4.0.md", "loss_scale='hermes'"),
    "custom_loss_scale.py": ("architecture-4.0.md", "class CustomLossScale(LossScale):"),
    "custom_callback.py": ("architecture-4.0.md", "class CustomCallback(TrainerCallback):"),
    "custom_extra_callbacks.py": ("pluginization-3.0-zh.md", "class CustomCallback(TrainerCallback):"),
    "custom_optimizers.py": ("pluginization-3.0-zh.md", "def create_custom_optimizers(args, model, dataset):"),
    "custom_loss.py": ("architecture-4.0.md", "class CustomLoss(BaseLoss):"),
    "custom_loss_function.py": ("pluginization-3.0-zh.md", '@register_loss_func("custom_loss")'),
    "custom_metric.py": ("pluginization-3.0-zh.md", "METRIC_MAPPING = {"),
    "ia3.py": ("pluginization-3.0-zh.md", "class IA3(Tuner):"),
    "last_round_loss_scale.py": ("pluginization-3.0-zh.md", "class LastRoundLossScale(LossScale):"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_diff_beside_a_file_is_the_difference_to_its_block(
    name: str, files: Path, difference: Callable[[str, str, str], str]
) -> None:
    document, first_line = BLOCKS[name]
    found = difference(document, first_line, name)
    assert found == (files / name).with_suffix(".diff").read_text(encoding="utf-8"), f"{name}.diff should be\n{found}"


def test_a_complete_block_differs_in_imports_only(files: Path) -> None:
    for name in ("agent_template_debug.py", "loss_scale_debug.py"):
        removed = [line for line in (files / name).with_suffix(".diff").read_text().splitlines() if line[:1] == "-"]
        assert removed[1:] == ["-from swift import get_processor, get_template"]


def test_the_english_page_has_the_same_last_round_class(files: Path, shared: Path) -> None:
    """Its stored form has lost all indentation."""
    english = (shared / "documents" / "pluginization-3.0-en.txt").read_text(encoding="utf-8")
    text = (files / "last_round_loss_scale.py").read_text(encoding="utf-8")
    body = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    lines = [line.strip() for line in (ast.get_source_segment(text, body) or "").splitlines() if line.strip()]
    assert "\n".join(lines) in english


def test_the_custom_model_file_has_the_documents_values(files: Path, shared: Path) -> None:
    page = (shared / "documents" / "custom-model.txt").read_text(encoding="utf-8")
    text = (files / "custom_model.py").read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    fields = {
        word.arg: ast.get_source_segment(text, word.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "TemplateMeta"
        for word in call.keywords
    }
    for name in ("prefix", "prompt", "chat_sep", "suffix", "system_prefix", "default_system", "stop_words"):
        assert f"{name} for qwen is {fields[name]}" in page.replace("is[", "is ["), name
    named = {word.arg for call in calls for word in call.keywords}
    listed = {line.strip(" •").partition(":")[0] for line in page.splitlines() if line.strip().startswith("•")}
    assert named == {name for name in listed if name.isidentifier() and name != "Note"}


def test_every_file_is_under_the_notice(files: Path) -> None:
    assert "Apache License, Version 2.0" in (files / "NOTICE").read_text(encoding="utf-8")
    for path in files.glob("*.py"):
        assert "See NOTICE." in path.read_text(encoding="utf-8"), path.name
