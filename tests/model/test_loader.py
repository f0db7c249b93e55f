"""Loading: what is refused and how, and the documented loading function."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ModelError, SwiftError
from swift_lib.model import (
    Model,
    ModelGroup,
    ModelMeta,
    get_model_processor,
    get_model_tokenizer_with_flash_attn,
    get_processor,
    register_model,
)
from swift_lib.model.loader import _set_rope, shared_tokenizers
from swift_lib.template import get_template


def test_processor_knows_model_and_template(tiny_model: Path) -> None:
    tokenizer = get_processor(str(tiny_model))
    assert tokenizer.model_meta.model_type == "qwen2"
    assert tokenizer.model_info.max_model_len == 512
    template = get_template(tokenizer)
    assert template.template_meta.template_type == "qwen"
    assert template.max_length == 512


@pytest.mark.parametrize(
    ("asked", "noted"),
    [
        ({}, ("causal_lm", None)),
        ({"num_labels": 3}, ("seq_cls", 3)),
        ({"task_type": "reranker"}, ("reranker", 1)),
        ({"task_type": "embedding"}, ("embedding", None)),
    ],
)
def test_the_task_is_noted(asked: dict[str, Any], noted: tuple[str, int | None], tiny_model: Path) -> None:
    info = get_processor(str(tiny_model), **asked).model_info
    assert (info.task_type, info.num_labels) == noted


def test_model_is_loaded_in_the_asked_precision(tiny_model: Path) -> None:
    assert get_model_processor(str(tiny_model))[0].dtype == torch.float32
    model, _ = get_model_processor(str(tiny_model), torch_dtype="bfloat16", attn_impl="eager")
    assert model.dtype == torch.bfloat16
    assert model.config._attn_implementation == "eager"
    assert model.model_meta.model_arch.lm_head == "lm_head"


def test_a_log_shows_no_bars(tiny_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model, _ = get_model_processor(str(tiny_model))
    model.save_pretrained(tmp_path, max_shard_size="200KB")
    shown = capfd.readouterr()
    assert "%|" not in shown.err + shown.out


def test_get_function_is_called_in_the_documented_form(tiny_model: Path, tmp_path: Path) -> None:
    calls = []

    def get_function(
        model_dir: str, model_info: Any, model_kwargs: dict[str, Any], load_model: bool = True, **kwargs: Any
    ) -> tuple[Any, Any]:
        calls.append((Path(model_dir).name, model_info.model_type, model_kwargs["dtype"], load_model, sorted(kwargs)))
        return get_model_tokenizer_with_flash_attn(model_dir, model_info, model_kwargs, load_model, **kwargs)

    group = ModelGroup([Model(model_path="x/documented-model")])
    register_model(
        ModelMeta("documented_test", [group], "chatml", get_function, torch_dtype=torch.float16), exist_ok=True
    )
    folder = shutil.copytree(tiny_model, tmp_path / "documented-model")
    (folder / "args.json").unlink()
    model, tokenizer = get_model_processor(str(folder), attn_impl="sdpa")
    assert model.dtype == torch.float16
    assert tokenizer.model_meta.template == "chatml"
    assert calls == [
        ("documented-model", "documented_test", torch.float16, True, ["attn_impl", "model_config", "rope_scaling"])
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/no/such/folder", "no such model folder"),
        ("nobody/never-published", "the hub cannot be reached"),
    ],
)
def test_missing_models_are_one_error(path: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        get_processor(path)


def test_a_folder_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        get_processor(str(tmp_path))


def test_invalid_config_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        get_processor(str(tmp_path))


def test_a_folder_without_tokenizer_is_refused(config_folder: Any) -> None:
    with pytest.raises(ModelError, match="no tokenizer"):
        get_processor(str(config_folder("Qwen2.5-7B-Instruct")))


def test_only_safetensors_are_loaded(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only safetensors"):
        get_model_processor(str(folder))
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="no weights"):
        get_model_processor(str(folder))
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-1.safetensors").touch()
    with pytest.raises(ModelError, match=r"1 of 2 weight files are missing: model-2"):
        get_model_processor(str(folder))


def test_a_missing_pad_token_says_what_to_do_and_can_be_given(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "m")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("pad_token")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    config = json.loads((folder / "config.json").read_text())  # Qwen2's own tokenizer class would add one
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))
    with pytest.raises(ModelError, match="--pad_token"):
        get_processor(str(folder))
    assert get_processor(str(folder), pad_token="eos").pad_token == "<|im_end|>"
    assert get_processor(str(folder), pad_token="<|endoftext|>").pad_token_id == 256
    with pytest.raises(ModelError, match="does not know"):
        get_processor(str(folder), pad_token="<nothing>")


def test_an_architecture_that_transformers_does_not_know_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "internlm2-7b")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["InternLM2ForCausalLM"]}))
    (folder / "args.json").unlink()
    assert get_processor(str(folder)).model_meta.template == "internlm2"
    with pytest.raises(ModelError, match="no class InternLM2ForCausalLM"):
        get_model_processor(str(folder))
    config.update(architectures=["InternLM2ForCausalLM"], model_type="internlm2")
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="no class InternLM2ForCausalLM"):
        get_processor(str(folder))


def test_remote_code_needs_name_and_commit(config_folder: Any) -> None:
    from swift_lib.model.source import remote_code

    config = {"architectures": ["XForCausalLM"], "auto_map": {"AutoModel": "org/x--modeling.X"}}
    commit = "0123456789" * 4
    with pytest.raises(ModelError, match="--trust_remote_code name@commit"):
        remote_code("org/x", config, None, known=False)
    with pytest.raises(ModelError, match="does not name a commit"):
        remote_code("org/x", config, "org/x@main", known=False)
    with pytest.raises(ModelError, match="the code is of org/x"):
        remote_code("org/x", config, f"other/y@{commit}", known=False)
    allowed = remote_code("org/x", config, f"org/x@{commit}", known=False)
    assert allowed == {"trust_remote_code": True, "code_revision": commit}


def test_rope_is_stretched_to_a_length(tiny_model: Path) -> None:
    config = get_processor(str(tiny_model)).model_info.config
    _set_rope(config, "linear", 1500)
    assert (config.rope_parameters["rope_type"], config.rope_parameters["factor"]) == ("linear", 3.0)
    _set_rope(config, '{"rope_type": "yarn", "factor": 2.0}', None)
    assert (config.rope_parameters["rope_type"], config.rope_parameters["factor"]) == ("yarn", 2.0)
    with pytest.raises(SwiftError, match="--max_model_len"):
        _set_rope(config, "linear", None)


def test_an_unmet_requirement_names_the_command() -> None:
    from swift_lib.model.source import check_requires

    check_requires(["transformers>=4.37"], "x")
    with pytest.raises(ModelError, match=r"pip install 'transformers<4'"):
        check_requires(["transformers<4"], "x")
    with pytest.raises(SwiftError, match="not installed"):
        check_requires(["no-such-library"], "x")


def test_sampling_values_without_do_sample_can_be_saved_again(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "temperature": 0.7, "top_k": 20}))
    model, _ = get_model_processor(str(folder))
    model.save_pretrained(tmp_path / "again")
    saved = json.loads((tmp_path / "again" / "generation_config.json").read_text())
    assert (saved["do_sample"], saved["temperature"], saved["top_k"]) == (True, 0.7, 20)


def test_a_tokenizer_is_loaded_once_while_it_is_shared_and_anew_after(tiny_model: Path) -> None:
    with shared_tokenizers():
        first, second = get_processor(str(tiny_model)), get_processor(str(tiny_model))
    assert first is second
    assert get_processor(str(tiny_model)) is not first
