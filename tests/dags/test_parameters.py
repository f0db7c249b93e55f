import json

import pytest

from pipelines import parameters as p
from swift_lib.core.errors import ArgumentError

SPEC = {
    "root": {
        "inputDefinitions": {
            "parameters": {
                "base_model": {"parameterType": "STRING"},
                "train_learning_rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.0, "isOptional": True},
                "train_lora_rank": {"parameterType": "NUMBER_INTEGER", "defaultValue": 8.0, "isOptional": True},
                "train_tuner_type": {
                    "parameterType": "STRING",
                    "defaultValue": "lora",
                    "isOptional": True,
                    "literals": ["lora", "full"],
                },
                "serve_on": {"parameterType": "BOOLEAN", "defaultValue": False, "isOptional": True},
                "data_dataset": {"parameterType": "LIST", "defaultValue": [], "isOptional": True},
                "train_arguments": {"parameterType": "STRUCT", "defaultValue": {}, "isOptional": True},
            }
        }
    }
}


@pytest.fixture
def declared():
    return p.parameters_of(SPEC)


def merged(declared, words="", **file):
    sources = [p.Source("PARAMS", {"base_model": "m"} | file), p.from_words(words)]
    return {name: value.value for name, value in p.merge(declared, sources).items()}


def test_integer_default_is_an_int(declared):
    assert repr(declared["train_lora_rank"].default) == "8"


def test_later_source_wins_and_is_named(declared):
    sources = [p.Source("preset", {"base_model": "a", "train_lora_rank": 4}), p.from_words("train_lora_rank=2")]
    values = p.merge(declared, sources)
    assert values["train_lora_rank"] == p.Value(2, "ARGS")
    assert values["base_model"] == p.Value("a", "preset")
    assert values["train_learning_rate"].source == p.COMPILED


def test_whole_number_becomes_float_where_a_float_is_declared(declared):
    value = merged(declared, train_learning_rate=3)["train_learning_rate"]
    assert isinstance(value, float)
    assert value == 3.0


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("base_model=123", "123"),
        ("train_learning_rate=1e-4", 1e-4),
        ("train_lora_rank=16", 16),
        ("serve_on=true", True),
        ("data_dataset=rows.jsonl", ["rows.jsonl"]),
        ('data_dataset=\'["a", "b c"]\'', ["a", "b c"]),
        ("train_arguments='{\"weight_decay\": 0.2}'", {"weight_decay": 0.2}),
    ],
)
def test_words_are_read_by_declared_type(declared, word, expected):
    assert merged(declared, word)[word.partition("=")[0]] == expected


def test_at_sign_reads_a_file(declared, tmp_path):
    file = tmp_path / "more.json"
    file.write_text(json.dumps({"weight_decay": 0.5}))
    assert merged(declared, f"train_arguments=@{file}")["train_arguments"] == {"weight_decay": 0.5}


def test_every_mistake_is_reported_at_once_with_the_nearest_name(declared):
    sources = [
        p.Source("PARAMS my.yaml", {"train_lora_rnk": 4, "train_lora_rank": "four"}),
        p.from_words("serve_on=maybe"),
    ]
    with pytest.raises(ArgumentError) as error:
        p.merge(declared, sources)
    text = str(error.value)
    assert "unknown parameter 'train_lora_rnk'; did you mean train_lora_rank" in text
    assert "train_lora_rank: expected a whole number, got 'four'" in text
    assert "serve_on: expected true or false, got 'maybe'" in text
    assert "base_model: required" in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train_tuner_type": "loar"}, "'loar' is not one of 'lora', 'full'"),
        ({"train_lora_rank": None}, "leave the line out"),
        ({"train_arguments": {"a": [None]}}, "null"),
        ({"train_arguments": {"a": 2**60}}, "2^53"),
        ({"train_lora_rank": 1.5}, "a whole number"),
        ({"train_lora_rank": True}, "a whole number"),
        ({"data_dataset": 3}, "a list"),
        ({"base_model": ["x"]}, "text"),
    ],
)
def test_value_that_kfp_would_bend_is_refused(declared, values, message):
    with pytest.raises(ArgumentError) as error:
        merged(declared, **values)
    assert message in str(error.value)


@pytest.mark.parametrize("words", ["train_lora_rank", "train_lora_rank=1 train_lora_rank=2", "base_model='x"])
def test_words_that_are_no_assignments_are_refused(words):
    with pytest.raises(ArgumentError):
        p.from_words(words)


def test_file_that_is_no_mapping_is_refused(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("- a\n")
    with pytest.raises(ArgumentError, match="name: value"):
        p.from_file(file, "PARAMS")


def test_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="No such file"):
        p.from_file(tmp_path / "absent.yaml", "PARAMS")
