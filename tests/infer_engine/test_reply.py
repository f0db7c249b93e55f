import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.infer_engine.reply import Reply, StopRules


def decode(ids: list[int]) -> str:
    """A byte-level tokenizer; 256 is the end token."""
    return bytes(i for i in ids if i < 256).decode("utf-8", errors="replace")


def run(text: str, rules: StopRules, limit: int = 1000, *, end: bool = True) -> tuple[Reply, list[str]]:
    pieces: list[str] = []
    reply = Reply(decode, rules, limit, pieces.append)
    for token in [*text.encode(), *([256] if end else [])]:
        reply.add(token)
    return reply, pieces


END = StopRules(frozenset({256}))


def test_end_token_ends_and_is_no_text() -> None:
    reply, pieces = run("hello", END)
    assert (reply.text(), reply.finish_reason, "".join(pieces)) == ("hello", "stop", "hello")
    assert len(pieces) == 5


def test_limit() -> None:
    reply, pieces = run("hello", END, limit=3)
    assert (reply.text(), reply.finish_reason, "".join(pieces)) == ("hel", "length", "hel")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (StopRules(frozenset({256}), cut=("STOP",)), "one S two "),
        (StopRules(frozenset({256}), kept=("STOP",)), "one S two STOP"),
        (END.with_stops(["STOP", ""]), "one S two "),
    ],
)
def test_stop_texts(rules: StopRules, expected: str) -> None:
    reply, pieces = run("one S two STOP three", rules)
    assert (reply.text(), reply.finish_reason, "".join(pieces)) == (expected, "stop", expected)


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=3), max_size=3))
def test_pieces_always_join_to_the_text(text: str, stops: list[str]) -> None:
    reply, pieces = run(text, END.with_stops(stops))
    assert "".join(pieces) == reply.text()
    assert not any(stop in reply.text() for stop in stops)


def test_what_a_template_takes_off_the_beginning_is_not_streamed() -> None:
    pieces: list[str] = []
    reply = Reply(decode, END, 1000, pieces.append, whole=lambda ids: decode(ids).lstrip())
    for token in [*b"\n hi\n you", 256]:
        reply.add(token)
    assert reply.text() == "".join(pieces) == "hi\n you"


def test_a_character_of_several_bytes_comes_whole() -> None:
    _, pieces = run("日本", END)
    assert pieces == ["日", "本"]
