"""The declarations themselves: complete, consistent, frozen, equal after every way around."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swift_lib.arguments import (
    UNSET,
    Command,
    DeployArguments,
    EvalArguments,
    ExportArguments,
    FieldSpec,
    InferArguments,
    PreprocessArguments,
    SamplingArguments,
    ServeArguments,
    SftArguments,
    TrainArguments,
    field_specs,
)
from swift_lib.arguments.coerce import coerce
from swift_lib.arguments.common import CommonArguments
from swift_lib.arguments.data import DataArguments
from swift_lib.arguments.hf import hf_names
from swift_lib.arguments.tuner import BUILT_IN
from swift_lib.core.errors import ArgumentError

LEAST: dict[type[Command], dict[str, Any]] = {
    PreprocessArguments: {"model": "m", "dataset": ["d"]},
    SftArguments: {"model": "m", "dataset": ["d"]},
    InferArguments: {"model": "m"},
    ExportArguments: {"model": "m"},
    EvalArguments: {"model": "m", "eval_dataset": ["d"]},
    SamplingArguments: {"model": "m", "dataset": ["d"]},
    DeployArguments: {"model": "m"},
    ServeArguments: {"model": "m"},
}
every_command = pytest.mark.parametrize("cls", LEAST)


def problems(cls: type[Command], **flat: Any) -> tuple[str, ...]:
    with pytest.raises(ArgumentError) as refused:
        cls(**{**LEAST[cls], **flat})
    return refused.value.problems


@every_command
def test_every_argument_has_help(cls: type[Command]) -> None:
    assert [spec.name for spec in field_specs(cls) if len(spec.help) < 5 or not spec.help.endswith(".")] == []


def illegal_default(spec: FieldSpec) -> bool:
    words = spec.default if isinstance(spec.default, list) else [spec.default]
    known = spec.choice_names()
    return (
        coerce(spec.default, spec.type) != spec.default
        or (isinstance(spec.default, int | float) and spec.bounds.broken(spec.default) is not None)
        or (known is not None and not {word for word in words if word is not None} <= set(known))
    )


@every_command
def test_every_default_is_a_legal_value(cls: type[Command]) -> None:
    assert [spec.name for spec in field_specs(cls) if not spec.required and illegal_default(spec)] == []


@every_command
def test_every_optional_argument_says_what_stands_for_none(cls: type[Command]) -> None:
    assert [spec.name for spec in field_specs(cls) if spec.optional != (spec.none_as is not UNSET)] == []


@every_command
def test_what_stands_for_none_is_no_legal_value(cls: type[Command]) -> None:
    numbers = [spec for spec in field_specs(cls) if isinstance(spec.none_as, int | float)]
    assert [spec.name for spec in numbers if not spec.bounds.broken(spec.none_as)] == []


def test_one_name_means_one_thing_in_all_commands() -> None:
    seen: dict[str, FieldSpec] = {}
    for cls in LEAST:
        for spec in field_specs(cls):
            first = seen.setdefault(spec.name, spec)
            assert (first.type, first.none_as) == (spec.type, spec.none_as), spec.name
            if spec.name != "output_dir":
                assert first.help == spec.help


def test_train_arguments_is_the_older_name() -> None:
    assert TrainArguments is SftArguments


@every_command
def test_flat_outside_nested_inside(cls: type[Command]) -> None:
    args: Any = cls(**LEAST[cls], seed=7)
    assert args.common.seed == 7
    assert args.model.model == "m"
    flat = args.to_flat()
    assert set(flat) == {spec.name for spec in field_specs(cls)}
    assert cls.from_flat(flat) == args
    assert args.replaced(seed=8).common.seed == 8


def test_nothing_can_be_assigned() -> None:
    args = SftArguments(**LEAST[SftArguments])
    with pytest.raises(dataclasses.FrozenInstanceError):
        args.tuner.lora_rank = 4  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        args.tuner = args.tuner  # type: ignore[misc]


def test_defaults_are_not_shared() -> None:
    first, second = SftArguments(**LEAST[SftArguments]), SftArguments(**LEAST[SftArguments])
    first.tuner.target_modules.append("x")
    assert second.tuner.target_modules == ["all-linear"]
    assert SftArguments(**LEAST[SftArguments]).tuner.target_modules == ["all-linear"]


def test_commands_have_defaults_of_their_own() -> None:
    assert SamplingArguments(**LEAST[SamplingArguments]).generation.temperature == 1.0
    assert EvalArguments(**LEAST[EvalArguments]).generation.temperature == 0.0


def test_two_groups_with_one_name_are_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="seed is declared by common and again"):

        @dataclasses.dataclass(frozen=True, init=False)
        class Twice(Command):
            common: CommonArguments
            again: CommonArguments


def test_a_default_for_an_unknown_argument_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="unknown arguments"):

        @dataclasses.dataclass(frozen=True, init=False)
        class Wrong(Command):
            data: DataArguments
            defaults: ClassVar[Mapping[str, Any]] = {"datset": []}


def test_output_dir_wherever_it_is_declared() -> None:
    assert ExportArguments(model="m", output_dir="o").output_dir == "o"
    assert SftArguments(**LEAST[SftArguments]).output_dir == "output/sft"


@pytest.mark.parametrize(
    ("cls", "flat", "problem"),
    [
        (SftArguments, {"val_dataset": ["v"], "split_dataset_ratio": 0.1}, "--val_dataset: the validation rows are"),
        (SftArguments, {"cached_dataset": "c"}, "--cached_dataset: the data is preprocessed already, so --dataset"),
        (SftArguments, {"dataset": []}, "--dataset: required"),
        (PreprocessArguments, {"dataset": []}, "--dataset: required"),
        (SftArguments, {"max_drop_rate": 1.1}, "--max_drop_rate: must be at most 1, got 1.1"),
        (SftArguments, {"eval_strategy": "steps"}, "--eval_strategy: there is no validation data"),
        (SftArguments, {"load_best_model_at_end": True}, "--load_best_model_at_end: there is no validation data"),
        (SftArguments, {"bf16": True, "fp16": True}, "--bf16: choose one of"),
        (SftArguments, {"tuner_type": "full", "quant_bits": 4}, "--tuner_type: quantised weights cannot"),
        (SftArguments, {"quant_bits": 5}, "--quant_bits: must be 4 or 8, got 5"),
        (SftArguments, {"freeze_parameters": ["model.embed"]}, "--freeze_parameters: is for --tuner_type full"),
        (SftArguments, {"packing": True, "dataset_shuffle": False}, "so --packing_strategy must be sequential"),
        (SftArguments, {"template_backend": "jinja"}, "--template_backend: jinja renders prompts only"),
        (EvalArguments, {"eval_dataset": []}, "--eval_dataset: required"),
        (SamplingArguments, {"n_best_to_keep": 5}, "--n_best_to_keep: must be at most --num_return_sequences (4)"),
        (SamplingArguments, {"temperature": 0.0}, "--temperature: 0 gives the same reply every time"),
        (InferArguments, {"stream": True, "num_beams": 2}, "--stream: beam search"),
        (InferArguments, {"dataset": ["d"]}, "--dataset: the rows to answer are named by --val_dataset"),
        (SamplingArguments, {"val_dataset": ["d"]}, "--val_dataset: the prompts are named by --dataset"),
        (PreprocessArguments, {"dataset": [], "cached_dataset": "c"}, "--cached_dataset: is preprocessed already"),
        (SftArguments, {"loss_scale": "last_round+nil"}, "--loss_scale: Unknown loss scale 'nil'. Known: base, "),
        (ExportArguments, {"safe_serialization": False}, "--safe_serialization: pickled weights"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(cls: type[Command], flat: dict[str, Any], problem: str) -> None:
    found = problems(cls, **flat)
    assert len(found) == 1
    assert problem in found[0]


def test_everything_is_reported_at_once() -> None:
    found = problems(
        SftArguments, model=None, lora_rnk=3, lora_rank=0, learning_rate="fast", tuner_type="lra",
        val_dataset=["v"], split_dataset_ratio=0.5, warmup_steps="soon",
    )  # fmt: skip
    assert sorted(found) == sorted(
        [
            "--lora_rnk: unknown argument; did you mean --lora_rank?",
            "--model: expected str, got None",
            "--lora_rank: must be at least 1, got 0",
            "--learning_rate: expected float, got 'fast'",
            f"--tuner_type: 'lra' is not one of {', '.join(BUILT_IN)}; did you mean lora?",
            "--val_dataset: the validation rows are given, so --split_dataset_ratio must be 0",
            "--warmup_steps: expected float, got 'soon'",
        ]
    )


def test_a_wrong_value_brings_no_second_complaint() -> None:
    assert problems(SftArguments, split_dataset_ratio=2, val_dataset=["v"]) == (
        "--split_dataset_ratio: must be less than 1, got 2.0",
    )


def test_form_words_mean_none() -> None:
    args = SftArguments(
        **LEAST[SftArguments], max_length=0, system="", learning_rate=0.0, bf16="", eval_strategy="none"
    )
    assert (args.template.max_length, args.template.system, args.train.learning_rate, args.train.bf16) == (None,) * 4
    assert args.train.eval_strategy is None


def test_kfps_doubles_become_integers() -> None:
    args = SftArguments(**LEAST[SftArguments], lora_rank=16.0, deepspeed={"zero_optimization": {"stage": 2.0}})
    assert repr(args.tuner.lora_rank) == "16"
    assert repr(args.distributed.deepspeed) == "{'zero_optimization': {'stage': 2}}"


def test_yamls_false_is_the_word_no() -> None:
    assert SftArguments(**LEAST[SftArguments], eval_strategy=False).train.eval_strategy == "no"


def test_older_names_cost_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    args = SftArguments(**LEAST[SftArguments], train_type="full")
    assert args.tuner.tuner_type == "full"
    infer = InferArguments(model="m", infer_backend="pt")
    assert infer.engine.infer_backend == "transformers"
    assert caplog.messages == [
        "--train_type is the old name of --tuner_type",
        "--infer_backend pt is the old name of transformers",
    ]


def test_an_old_and_a_new_name_must_agree() -> None:
    assert problems(SftArguments, train_type="full", tuner_type="lora") == (
        "--tuner_type: given twice, 'full' and (as --tuner_type) 'lora'",
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted(
    {spec.name for spec in field_specs(SftArguments)} - {"external_plugins"} | {*hf_names(), "self", "lora_rnk"}
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_is_given_is_taken_and_kept_or_refused(flat: dict[str, Any]) -> None:
    try:
        args = SftArguments(**{"model": "m", "dataset": ["d"], **flat})
    except ArgumentError as refused:
        assert refused.problems
    else:
        assert SftArguments.from_flat(args.to_flat()) == args
        assert SftArguments.from_flat(json.loads(json.dumps(args.to_flat()))) == args
