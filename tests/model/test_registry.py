"""The registered model types as a whole, and the page written from them."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.errors import ModelError, RegistryError
from swift_lib.core.types import ModelKeys, MultiModelKeys
from swift_lib.model import MODEL_ARCH_MAPPING, MODEL_MAPPING, get_model_list, register_model_arch
from swift_lib.model.base import ModelGroup, ModelMeta, published
from swift_lib.model.match import match_by_name
from swift_lib.model.run_model_info import page
from swift_lib.template import TEMPLATE_MAPPING

ROOT = Path(__file__).resolve().parents[2]
OURS = set(MODEL_MAPPING.names())


def test_every_type_names_templates_that_exist() -> None:
    for name, meta in MODEL_MAPPING.items():
        assert meta.model_type == name
        assert meta.candidate_templates
        assert set(meta.candidate_templates) <= set(TEMPLATE_MAPPING.names())


def test_every_id_is_matched_to_its_own_type() -> None:
    for meta in MODEL_MAPPING.values():
        for group in meta.model_groups:
            for model in group.models:
                match = match_by_name(model.ids[0])
                assert match and (match.meta, match.group) == (meta, group), model


def test_types_agree_with_the_golden_file(shared: Path) -> None:
    golden = json.loads((shared / "golden" / "model_types.json").read_text())
    # Which template a model has, by its id; Mistral's are decided by the vendor's template (see the template tests).
    theirs = {
        str(model[1] or model[0]).split("/")[-1].lower(): group["template"] or meta["template"]
        for name, meta in golden.items()
        if name in OURS
        for group in meta["groups"]
        for model in group["models"]
    }
    for name in OURS:
        meta = MODEL_MAPPING[name]
        if name not in golden:
            continue
        assert meta.architectures == golden[name]["architectures"]
        arch = golden[name]["arch"]
        if arch:  # where it says nothing, we do all the same
            assert meta.model_arch is MODEL_ARCH_MAPPING[arch]
        for group in meta.model_groups:
            for model in group.models:
                template = group.template or meta.template
                if template != "mistral_v3":
                    assert theirs.get(str(model.hf_model_id).split("/")[-1].lower(), template) == template, model


def test_every_text_model_type_of_the_golden_file_is_registered(shared: Path) -> None:
    golden = json.loads((shared / "golden" / "model_types.json").read_text())
    text = {name for name, fields in golden.items() if not fields["mm"]}
    assert text - OURS == {"generic_decision"}  # a task of its own (several questions a row), which is not built


def test_architectures_agree_with_the_golden_file(shared: Path) -> None:
    golden = json.loads((shared / "golden" / "model_archs.json").read_text())
    for name, keys in MODEL_ARCH_MAPPING.items():
        if name not in golden:
            continue
        given = {key: value for key, value in vars(keys).items() if value and key != "arch_name"}
        assert given == {key: value for key, value in golden[name].items() if value and key != "cls"}


def test_every_type_says_where_its_feed_forward_blocks_are() -> None:
    """Of our text models, which is what the documents' IA3 asks for."""
    ours = [MODEL_MAPPING[name] for name in MODEL_MAPPING if MODEL_MAPPING.is_builtin(name)]
    silent = [meta.model_type for meta in ours if not meta.is_multimodal and not _mlp(meta)]
    assert silent == []


def _mlp(meta: ModelMeta) -> str | None:
    return meta.model_arch.mlp if isinstance(meta.model_arch, ModelKeys) else None


def test_an_architecture_is_its_own_key() -> None:
    keys = MultiModelKeys("mine_test", language_model=["model"], vision_tower=["visual"])
    register_model_arch(keys)
    assert MODEL_ARCH_MAPPING["mine_test"] is MODEL_ARCH_MAPPING[keys] is keys  # type: ignore[index]
    assert isinstance(MODEL_ARCH_MAPPING["llama"], ModelKeys)
    with pytest.raises(ModelError, match="model_arch"):
        MODEL_ARCH_MAPPING[None]  # type: ignore[index]
    with pytest.raises(RegistryError, match="llama"):
        MODEL_ARCH_MAPPING["lama"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"template": "qwen"}, "needs get_function or loader.*get_model_tokenizer_with_flash_attn"),
        ({"template": "qwen", "get_function": print, "loader": object}, "not both"),
        ({"get_function": print}, "needs a template"),
        ({"template": "qwen", "get_function": "load"}, "get_function is the name 'load'"),
    ],
)
def test_a_type_that_cannot_be_loaded_or_written_to_is_refused(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(ModelError, match=error):
        ModelMeta("x", [], **fields)


def test_positions_may_be_those_of_either_generation() -> None:
    def load(*args: Any, **kwargs: Any) -> Any:
        return None, None

    class Loader:
        pass

    groups = [ModelGroup(published("a", "b"), "qwen")]
    older = ModelMeta("x", groups, "chatml", load, "llama")
    newer = ModelMeta("x", groups, Loader, "chatml", "llama")  # type: ignore[arg-type]
    by_group = ModelMeta("x", groups[0], Loader)  # type: ignore[arg-type]
    assert (older.template, older.get_function, older.loader) == ("chatml", load, None)
    assert (newer.template, newer.get_function, newer.loader) == ("chatml", None, Loader)
    assert (by_group.template, by_group.loader, by_group.candidate_templates) == (None, Loader, ["qwen"])
    assert older.model_arch is newer.model_arch is MODEL_ARCH_MAPPING["llama"]
    assert dataclasses.replace(newer, requires=["a"]).loader is Loader


def test_the_documents_fields_are_readable() -> None:
    def load(*args: Any, **kwargs: Any) -> Any:
        return None, None

    meta = ModelMeta("x", [], "qwen", load)
    assert (meta.model_arch, meta.architectures, meta.additional_saved_files) == (None, [], [])
    assert (meta.torch_dtype, meta.is_multimodal, meta.ignore_patterns) == (None, False, [])
    assert ModelMeta("x", [], "qwen", load, ignore_patterns=None).ignore_patterns == []  # type: ignore[arg-type]
    assert meta.load_function() is load


def test_the_page_is_up_to_date_and_the_script_writes_it(tmp_path: Path) -> None:
    target = tmp_path / "page.md"
    script = ROOT / "swift_lib" / "model" / "run_model_info.py"
    subprocess.run([sys.executable, str(script), str(target)], check=True, env={"PYTHONPATH": str(ROOT)})
    text = target.read_text(encoding="utf-8")
    assert text == (ROOT / "docs" / "supported-models.md").read_text(encoding="utf-8")
    assert "| Qwen/Qwen2.5-7B-Instruct | qwen2 | qwen2_5 | `transformers>=4.37` |  | Qwen/Qwen2.5-7B-Instruct |" in text


def test_a_new_group_is_in_the_page_and_in_the_list() -> None:
    assert "Qwen/Qwen3-8B" in get_model_list()
    assert all(f"| {name} |" in page() for name in ("qwen3_moe", "glm4", "internlm3"))
