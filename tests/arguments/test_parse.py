"""Words and files -> arguments."""

import os
from pathlib import Path

import pytest

from swift_lib.arguments import EvalArguments, SamplingArguments, SftArguments, as_arguments, parse
from swift_lib.core.errors import ArgumentError, PluginError

LEAST = ["--model", "m", "--dataset", "d"]


def problems(words: list[str]) -> tuple[str, ...]:
    with pytest.raises(ArgumentError) as refused:
        parse(SftArguments, words)
    return refused.value.problems


def test_words() -> None:
    words = "--model m --dataset a b --lora-rank 4 --bf16 --use_dora=true --learning_rate 1e-3 --max_steps -1"
    args = parse(SftArguments, words.split())
    assert args.data.dataset == ["a", "b"]
    assert (args.tuner.lora_rank, args.train.bf16, args.tuner.use_dora) == (4, True, True)
    assert (args.train.learning_rate, args.train.max_steps) == (1e-3, -1)


def test_a_dictionary_is_json() -> None:
    args = parse(SftArguments, [*LEAST, "--columns", '{"q": "query"}'])
    assert args.data.columns == {"q": "query"}


def test_a_value_may_begin_with_dashes_after_an_equals_sign() -> None:
    assert parse(SftArguments, [*LEAST, "--system=--be brief"]).template.system == "--be brief"


def test_an_empty_list_can_be_said() -> None:
    assert parse(SftArguments, [*LEAST, "--target_modules"]).tuner.target_modules == []


def test_mistakes_in_words_are_told_with_all_others() -> None:
    found = problems(["stray", "--model", "m", "--dataset", "d", "--max_steps", "3", "4", "--seed", "--lora_rank", "0"])
    assert found == (
        "'stray': expected --name; a text with blanks needs quotes",
        "--max_steps: takes one value, got 2 (3 4)",
        "--seed: takes one value, got 0",
        "--lora_rank: must be at least 1, got 0",
    )


def test_given_twice_is_refused() -> None:
    assert problems([*LEAST, "--seed", "1", "--seed", "2"]) == ("--seed: given twice; several values follow one flag",)


def test_unknown_argument_names_the_nearest() -> None:
    assert problems([*LEAST, "--warmup-step", "3"]) == (
        "--warmup_step: unknown argument; did you mean --warmup_steps?",
    )
    assert "did you mean" not in problems([*LEAST, "--xyzzy"])[0]


@pytest.mark.parametrize("form", ["--config", "first word"])
def test_a_file_gives_defaults_and_words_win(tmp_path: Path, form: str) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("model: m\ndataset: [a, b]\nlora-rank: 4\nlearning_rate: 1e-3\ntrain_type: full\nsystem: null\n")
    head = [str(config)] if form == "first word" else ["--config", str(config)]
    args = parse(SftArguments, [*head, "--lora_rank", "2", "--tuner_type", "lora"])
    assert (args.model.model, args.data.dataset, args.tuner.lora_rank) == ("m", ["a", "b"], 2)
    assert (args.train.learning_rate, args.tuner.tuner_type, args.template.system) == (1e-3, "lora", None)


def test_a_json_file(tmp_path: Path) -> None:
    config = tmp_path / "run.json"
    config.write_text('{"model": "m", "dataset": "d", "columns": {"a": "b"}}')
    assert parse(SftArguments, [str(config)]).data.columns == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model: m\nmodel: n\n", "line 2: 'model' is given twice"),
        ("model: [m\n", "expected ',' or ']'"),
        ("? [model]\n: m\n", "found unhashable key"),
        ("ENV: [A]\n", "expected variables by name, got ['A']"),
        ("- model\n", "expected `name: value` lines"),
        ("modle: m\n", "run.yaml): unknown argument; did you mean --model?"),
        ("lora_rank: 1.5\n", "run.yaml): expected int, got 1.5"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, problem: str) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(text)
    assert any(problem in found for found in problems([*LEAST, "--config", str(config)]))


def test_a_file_that_is_not_there() -> None:
    assert "--config: cannot read none.yaml" in problems([*LEAST, "--config", "none.yaml"])[0]


def test_presets_lie_below_everything() -> None:
    assert parse(SftArguments, LEAST, {"seed": 1}).common.seed == 1
    assert parse(SftArguments, [*LEAST, "--seed", "2"], {"seed": 1}).common.seed == 2


def test_a_stage_takes_an_object_words_or_a_mapping() -> None:
    args = SftArguments(model="m", dataset=["d"])
    assert as_arguments(SftArguments, args) is args
    assert as_arguments(SftArguments, LEAST) == args
    assert as_arguments(SftArguments, {"model": "m", "dataset": ["d"]}) == args
    with pytest.raises(ArgumentError, match="expected EvalArguments, got SftArguments"):
        as_arguments(EvalArguments, args)
    with pytest.raises(ArgumentError, match="--model: required"):
        as_arguments(SftArguments, None)


def test_plugins_are_loaded_before_choices_are_checked(tmp_path: Path) -> None:
    plugin = tmp_path / "my_rewards.py"
    plugin.write_text("def always(completions, **columns):\n    return [1.0]\n\n\norms = {'always_one': always}\n")
    words = ["--model", "m", "--dataset", "d", "--reward_funcs", "always_one"]
    with pytest.raises(ArgumentError, match="'always_one' is not one of"):
        parse(SamplingArguments, words)
    args = parse(SamplingArguments, [*words, "--custom_register_path", str(plugin), "--external_plugins"])
    assert args.common.external_plugins == [str(plugin)]


def test_a_plugin_that_is_not_there_is_named() -> None:
    with pytest.raises(PluginError, match=r"no_plugin\.py"):
        parse(SftArguments, [*LEAST, "--external_plugins", "no_plugin.py"])


def test_a_file_may_set_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWIFT_TEST_SET", "mine")
    monkeypatch.delenv("SWIFT_TEST_UNSET", raising=False)
    config = tmp_path / "run.yaml"
    config.write_text("ENV: {SWIFT_TEST_SET: theirs, SWIFT_TEST_UNSET: 7}\n")
    parse(SftArguments, [*LEAST, "--config", str(config)])
    assert (os.environ["SWIFT_TEST_SET"], os.environ.pop("SWIFT_TEST_UNSET")) == ("mine", "7")
