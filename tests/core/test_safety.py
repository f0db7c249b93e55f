import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.core.safety import HIDDEN, is_secret_name, redact, redact_text

SECRET_NAMES = [
    "api_key", "API_KEY", "apiKey", "api-key", "--api_key", "password", "dbPassword", "HF_TOKEN", "hf_token", "token",
    "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "aws_session_token", "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "client_secret", "private_key", "Authorization", "credentials", "hub_token", "access_tokens", "wandb_api_key",
]  # fmt: skip
PLAIN_NAMES = [
    "max_new_tokens", "input_tokens", "tokenizer", "trained_tokens", "tokens", "pad_token", "eos_token_id",
    "max_tokens",
    "tokens_per_second", "token_count", "per_token_loss", "track_run_key", "key", "stop_words", "hf_token_secret_name",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "num_image_tokens", "special_tokens", "first_token_seconds",
    "tokenizer_path", "monkey",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)
    assert redact({name: "abc"}) == {name: HIDDEN}


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_plain_names(name: str) -> None:
    assert not is_secret_name(name)
    assert redact({name: "abc", "n": {name: 7}}) == {name: "abc", "n": {name: 7}}


def test_whether_a_secret_was_set_stays_visible() -> None:
    assert redact({"api_key": None, "token": "", "hub_token": True}) == {
        "api_key": None,
        "token": "",
        "hub_token": True,
    }


def test_everything_below_a_secret_name_is_hidden() -> None:
    assert redact({"credentials": {"user": "u", "keys": ["a", 1]}}) == {
        "credentials": {"user": HIDDEN, "keys": [HIDDEN, HIDDEN]}
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("http://user:pw@host:5000/x", f"http://{HIDDEN}@host:5000/x"),
        ("postgresql://u:p%40ss@db/mlflow", f"postgresql://{HIDDEN}@db/mlflow"),
        ("https://ghx@github.com/a", f"https://{HIDDEN}@github.com/a"),
        ("ssh://git@github.com/a", "ssh://git@github.com/a"),
        ("s3://bucket/a@b/c", "s3://bucket/a@b/c"),
        ("mail me@example.org", "mail me@example.org"),
        ("--api_key=abcdef run", f"--api_key={HIDDEN} run"),
        ("https://h/x?X-Amz-Signature=ab12&part=1", f"https://h/x?X-Amz-Signature={HIDDEN}&part=1"),
        ('{"password": "x1"}', f'{{"password": "{HIDDEN}"}}'),
        ("Authorization: Bearer abcdefgh1234", f"Authorization: {HIDDEN}"),
        ("curl -H 'authorization: Basic dXNlcjpwdw=='", f"curl -H 'authorization: {HIDDEN}'"),
        ("sent Bearer abcdefgh12345678 twice", f"sent Bearer {HIDDEN} twice"),
        ("basic training of task-oriented-models", "basic training of task-oriented-models"),
        ("key hf_abcdefghijklmnopqrstuvwxyz0123", f"key {HIDDEN}"),
        ("db_password: hunter2\nport: 1", f"db_password: {HIDDEN}\nport: 1"),
        ("unexpected token: }", "unexpected token: }"),
        ("AKIAABCDEFGHIJKLMNOP", HIDDEN),
        ("max_new_tokens=64 pad_token=<pad>", "max_new_tokens=64 pad_token=<pad>"),
    ],
)
def test_texts(text: str, clean: str) -> None:
    assert redact_text(text) == clean


def test_the_word_after_a_secret_flag_is_hidden() -> None:
    words = ["swift", "deploy", "--api_key", "abc", "--max_new_tokens", "8", "--token", "--debug"]
    assert redact(words) == ["swift", "deploy", "--api_key", HIDDEN, "--max_new_tokens", "8", "--token", "--debug"]


def test_values_of_secret_variables_are_hidden_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "correct horse battery")
    monkeypatch.setenv("OTHER_TOKEN_FILE", "/var/run/token")
    value = {"note": "it is correct horse battery!", "list": ("x", ["correct horse battery"]), "at": "/var/run/token"}
    assert redact(value) == {"note": f"it is {HIDDEN}!", "list": ("x", [HIDDEN]), "at": "/var/run/token"}


def test_the_folder_we_work_in_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/home/me/project")
    assert redact_text("/home/me/project/out") == "/home/me/project/out"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
SECRET = st.text(string.ascii_letters + string.digits, min_size=12, max_size=30)


@given(JSON)
def test_redacting_twice_changes_nothing_more(value: object) -> None:
    assert redact(redact(value)) == redact(value)


@given(st.sampled_from(SECRET_NAMES), SECRET.map(lambda text: f"Q{text}"), JSON, st.sampled_from(["", "a", "nested"]))
def test_a_secret_never_survives(name: str, secret: str, other: object, inside: str) -> None:
    tree = {"args": [{"x": other, name: [secret, {inside: secret}]}], "words": [f"--{name.strip('-')}", secret]}
    assert secret not in json.dumps(redact(tree))


@given(st.dictionaries(st.sampled_from(PLAIN_NAMES), st.integers() | st.text(string.ascii_lowercase, max_size=7)))
def test_plain_values_are_kept(value: dict[str, object]) -> None:
    assert redact(value) == value
