"""Every row has one outcome."""

import json
from pathlib import Path

import pytest

from swift_lib.core.errors import DataError
from swift_lib.dataset.base import REASONS, RowFault
from swift_lib.dataset.ledger import Ledger
from swift_lib.dataset.loader import Taken


def _bad(row_id: int, reason: str = "no_messages", copies: int = 1, raw: object = None) -> Taken:
    return Taken(row_id, f"a.jsonl:{row_id + 1}", copies, raw, fault=RowFault(reason, "messages", "why"))


def test_the_account_agrees() -> None:
    ledger = Ledger(6, max_drop_rate=0.5)
    ledger.keep(Taken(0, "a:1", 2, {}))
    ledger.keep(Taken(1, "a:2", -1, {}), "truncated")
    ledger.drop(_bad(2, copies=2))
    ledger.drop(Taken(3, "a:4", 1, {}), RowFault("over_length"), requested=True)
    ledger.check()
    account = ledger.reconcile()
    assert (account["rows_in"], account["kept"], account["dropped"]) == (6, 3, 3)
    assert account["outcomes"] == {"kept": 2, "truncated": 1}
    assert account["dropped_by_reason"] == {"no_messages": 2} and account["dropped_by_request"] == {"over_length": 1}


def test_a_lost_row_is_an_error() -> None:
    ledger = Ledger(2)
    ledger.keep(Taken(0, "a:1", 1, {}))
    with pytest.raises(DataError, match="does not agree: 2 rows in, 1 kept, 0 dropped"):
        ledger.reconcile()


@pytest.mark.parametrize(("rate", "stops"), [(0.0, True), (0.09, True), (0.1, False), (1.0, False)])
def test_the_rate_is_a_limit_on_all_rows(rate: float, stops: bool) -> None:
    ledger = Ledger(10, rate)
    ledger.drop(_bad(0))
    assert ledger.is_over is stops


def test_requested_drops_do_not_count() -> None:
    ledger = Ledger(1)
    ledger.drop(_bad(0), requested=True)
    ledger.check()


def test_the_error_names_count_reasons_places_and_advice(tmp_path: Path) -> None:
    with Ledger(100, 0.01, tmp_path / "q.jsonl") as ledger:
        for row_id in range(7):
            ledger.drop(_bad(row_id, "no_messages" if row_id else "unknown_role"))
        with pytest.raises(DataError) as error:
            ledger.check(seen=50)
    text = str(error.value)
    assert "7 of the first 50 of 100 rows cannot be used: no_messages 6, unknown_role 1" in text
    assert "a.jsonl:1, messages: unknown_role (why)" in text and "a.jsonl:6" not in text
    assert REASONS["no_messages"] in text and "--max_drop_rate (now 0.01), 0.07 at least" in text
    assert str(tmp_path / "q.jsonl") in text


def test_quarantine_holds_any_row(tmp_path: Path) -> None:
    raw = {"text": "nul \0, half \ud83d", "bytes": b"\xff", "number": float("inf")}
    with Ledger(2, 1.0, tmp_path / "q.jsonl") as ledger:
        ledger.drop(_bad(0, raw=raw))
        ledger.drop(_bad(1), RowFault("over_length"), requested=True)
    first, second = map(json.loads, (tmp_path / "q.jsonl").read_text().splitlines())
    assert first["data"]["text"] == raw["text"]
    assert (first["row"], first["where"], first["field"], first["reason"]) == (
        0,
        "a.jsonl:1",
        "messages",
        "no_messages",
    )
    assert second["requested"] is True
