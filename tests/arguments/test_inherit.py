"""args.json beside an adapter or a model, as the lowest layer of a command line."""

from pathlib import Path

import pytest

from swift_lib.arguments import EvalArguments, InferArguments, SftArguments, parse, save_args
from swift_lib.core.errors import ArgumentError


@pytest.fixture()
def adapter(tmp_path: Path) -> Path:
    trained = SftArguments(model="base", dataset=["d"], system="Be brief.", torch_dtype="float32", max_length=9)
    save_args(trained, tmp_path)
    (tmp_path / "checkpoint-3").mkdir()
    return tmp_path / "checkpoint-3"


def test_an_adapter_tells_its_base_and_its_prompt(adapter: Path) -> None:
    args = parse(InferArguments, ["--adapters", str(adapter)])
    assert (args.model.model, args.model.torch_dtype, args.template.system) == ("base", "float32", "Be brief.")
    assert args.template.max_length is None, "a limit of training is none of inference"


def test_what_is_said_wins(adapter: Path) -> None:
    args = parse(InferArguments, ["--adapters", f"mine={adapter}", "--model", "other", "--system", "Hello"])
    assert (args.model.model, args.template.system) == ("other", "Hello")


def test_a_model_folder_tells_its_prompt_but_not_another_model(adapter: Path) -> None:
    args = parse(EvalArguments, ["--model", str(adapter), "--eval_dataset", "d"])
    assert (args.model.model, args.template.system) == (str(adapter), "Be brief.")


def test_it_can_be_switched_off(adapter: Path) -> None:
    with pytest.raises(ArgumentError, match="--model: required"):
        parse(InferArguments, ["--adapters", str(adapter), "--load_args", "false"])


def test_training_starts_from_what_it_is_told(adapter: Path) -> None:
    assert parse(SftArguments, ["--model", str(adapter), "--dataset", "d"]).template.system is None


def test_a_damaged_file_is_as_none(adapter: Path) -> None:
    (adapter / "args.json").write_text("{")
    with pytest.raises(ArgumentError, match="--model: required"):
        parse(InferArguments, ["--adapters", str(adapter)])


def test_nothing_that_runs_code_is_taken_over(adapter: Path) -> None:
    (adapter / "args.json").write_text('{"model": "m", "external_plugins": ["evil.py"], "trust_remote_code": "a/b@c"}')
    args = parse(InferArguments, ["--adapters", str(adapter)])
    assert (args.common.external_plugins, args.model.trust_remote_code) == ([], None)
