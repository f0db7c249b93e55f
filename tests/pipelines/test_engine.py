"""Options on their way from arguments to models and templates: none may be forgotten."""

import dataclasses
import inspect
from pathlib import Path

from swift_lib.arguments import SftArguments
from swift_lib.arguments.model import ModelArguments
from swift_lib.arguments.template import TemplateArguments
from swift_lib.model import get_model_processor, get_processor
from swift_lib.pipelines.engine import model_options, processor_options, template_options
from swift_lib.template.choose import get_template
from swift_lib.template.face import Template


def names(group: type) -> set[str]:
    return {field.name for field in dataclasses.fields(group)}


def test_every_template_argument_reaches_the_template(tiny_model: Path) -> None:
    given = {
        "template": "qwen", "system": "S", "max_length": 99, "truncation_strategy": "left", "agent_template": None,
        "loss_scale": "all", "is_binary_loss_scale": True, "disable_ignore_empty_think": True,
        "use_chat_template": False, "template_backend": "swift", "response_prefix": "R", "enable_thinking": True,
        "preserve_thinking": True, "add_non_thinking_prefix": False, "keep_last_round": True, "padding_side": "left",
        "special_tokens_in_text": "text", "max_pixels": 99, "norm_bbox": "none", "step_mark": "#",
        "chat_template_kwargs": '{"date_string": "26 Jul 2024"}',
    }  # fmt: skip
    assert set(given) == names(TemplateArguments)
    options = template_options(SftArguments(model="m", dataset=["d"], **given))
    elsewhere = {"template", "system", "loss_scale", "disable_ignore_empty_think", "agent_template"}
    assert set(options) - {"default_system"} == names(TemplateArguments) - elsewhere
    assert set(options) <= set(inspect.signature(Template).parameters)
    template = get_template(get_processor(str(tiny_model)), "qwen", **options)
    assert (template.padding_side, template.keep_last_round, template.max_length) == ("left", True, 99)
    assert template.default_system == "S"
    assert template.chat_template_kwargs == {"date_string": "26 Jul 2024"}


def test_every_model_argument_reaches_the_loader() -> None:
    given = {
        "model_type": "qwen2", "model_revision": "main", "torch_dtype": "float32", "attn_impl": "eager",
        "device_map": "cpu", "max_model_len": 9, "rope_scaling": "yarn", "pad_token": "eos",
        "trust_remote_code": "a/b@" + "0" * 40, "local_files_only": True, "task_type": "seq_cls", "num_labels": 3,
        "problem_type": "single_label_classification",
    }  # fmt: skip
    assert set(given) == names(ModelArguments) - {"model", "adapters", "load_args"}
    args = SftArguments(model="m", dataset=["d"], **given)
    renamed = {"revision" if name == "model_revision" else name: value for name, value in given.items()}
    assert model_options(args) == renamed
    assert set(renamed) <= set(inspect.signature(get_model_processor).parameters)
    assert set(processor_options(args)) < set(renamed)


def test_the_processor_options_make_a_processor(tiny_model: Path) -> None:
    args = SftArguments(model=str(tiny_model), dataset=["d"], pad_token="eos", max_model_len=77)
    processor = get_processor(args.model.model, **processor_options(args))
    assert (processor.pad_token, processor.model_info.max_model_len) == (processor.eos_token, 77)


def test_a_system_message_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "system.txt").write_text("Be brief.")
    args = SftArguments(model="m", dataset=["d"], system=str(tmp_path / "system.txt"))
    assert template_options(args)["default_system"] == "Be brief."
