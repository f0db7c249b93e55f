"""Rows of the two tasks. The base learns `copy: a b c d` -> `a b c d` and never sees `second: a b c d` -> `b`."""

import random
import string
from typing import Any

Row = dict[str, Any]

WORD_LENGTH = 3
COPY, SECOND = "copy", "second"
EASY = (4, 4)  # words in a prompt, least and most: what base and training rows have
HARD = (5, 8)  # what neither has: some of these answers will be wrong


def random_words(rng: random.Random, count: int) -> list[str]:
    """`count` words of three random letters."""
    return ["".join(rng.choices(string.ascii_lowercase, k=WORD_LENGTH)) for _ in range(count)]


def chat(question: str, answer: str) -> Row:
    """One round in the standard form."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def copy_rows(count: int, seed: int) -> list[Row]:
    """Rows that the base model is trained on: repeat the words."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        words = " ".join(random_words(rng, rng.randint(*EASY)))
        rows.append(chat(f"{COPY}: {words}", words))
    return rows


def second_rows(
    count: int, seed: int, *, size: tuple[int, int] = EASY, exclude: frozenset[str] = frozenset()
) -> list[Row]:
    """`count` different rows of the tuned task: name the second of `size` words; no question is in `exclude`."""
    rng = random.Random(seed)
    rows: dict[str, Row] = {}
    while len(rows) < count:
        words = random_words(rng, rng.randint(*size))
        question = f"{SECOND}: {' '.join(words)}"
        if question not in exclude:
            rows[question] = chat(question, words[1])
    return list(rows.values())


def questions(rows: list[Row]) -> frozenset[str]:
    """The user texts of rows."""
    return frozenset(row["messages"][0]["content"] for row in rows)


def with_shuffled_answers(rows: list[Row], seed: int) -> list[Row]:
    """The same questions with each other's answers: nothing is left to learn."""
    answers = [row["messages"][1]["content"] for row in rows]
    random.Random(seed).shuffle(answers)
    return [chat(row["messages"][0]["content"], answer) for row, answer in zip(rows, answers, strict=True)]
