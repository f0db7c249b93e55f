from examples.demo import prepare
from examples.demo.tasks import COPY, SECOND, copy_rows, questions, second_rows, with_shuffled_answers


def test_no_question_is_on_two_sides() -> None:
    parts = [questions(rows) for rows in prepare._all_rows().values()]
    assert sum(map(len, parts)) == len(frozenset().union(*parts))


def test_enough_rows_and_distinct_answers() -> None:
    rows = prepare._all_rows()
    assert len(rows["train"]) >= 1000
    assert len(rows["held_out"]) >= 200
    assert len({row["messages"][1]["content"] for row in rows["held_out"]}) >= 100


def test_the_base_sees_no_example_of_the_tuned_task() -> None:
    assert all(question.startswith(f"{COPY}:") for question in questions(copy_rows(500, seed=1)))
    assert all(question.startswith(f"{SECOND}:") for question in questions(second_rows(50, seed=1)))


def test_the_answer_is_the_second_word() -> None:
    for row in second_rows(50, seed=2):
        question, answer = (message["content"] for message in row["messages"])
        assert question.split()[2] == answer


def test_half_of_the_reward_prompts_are_longer_than_any_training_row() -> None:
    rows = prepare._all_rows()
    longest = max(len(question.split()) for question in questions(rows["train"]))
    harder = [question for question in questions(rows["reward"]) if len(question.split()) > longest]
    assert len(harder) == prepare.REWARD_EACH


def test_shuffled_answers_keep_questions_and_the_set_of_answers() -> None:
    rows = second_rows(100, seed=3)
    shuffled = with_shuffled_answers(rows, seed=4)
    answers = [[row["messages"][1]["content"] for row in part] for part in (rows, shuffled)]
    assert questions(shuffled) == questions(rows)
    assert sorted(answers[0]) == sorted(answers[1])
    assert answers[0] != answers[1]
