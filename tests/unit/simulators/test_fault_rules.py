"""Fault rules: which request they bite, how often, and what a restart keeps of them."""

from pathlib import Path

import pytest

from simulators.database import Database
from simulators.input import BadInputError
from simulators.rules import ORIGIN, Action, Callbacks, FaultBook, Origin, parse

SEND = "/gmail/v1/users/me/drafts/send"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "state.sqlite3", "")


@pytest.mark.parametrize(
    ("rule", "bites"),
    [
        ({}, True),
        ({"path": SEND}, True),
        ({"path": "/gmail/v1"}, True),
        ({"path": "/gmail/v1$"}, False),
        ({"path": ".*/drafts$"}, False),
        ({"path": ".*/drafts/(send|x)$"}, True),
        ({"path": "drafts"}, False),
        ({"method": "post"}, True),
        ({"method": "*"}, True),
        ({"method": "GET"}, False),
    ],
)
def test_a_rule_bites_what_it_names(
    database: Database, rule: dict[str, str], *, bites: bool
) -> None:
    book = FaultBook(database)
    book.add([parse({"action": "close", **rule})])
    assert (book.answer_to("POST", SEND) is not None) is bites


def test_times_and_skip_are_counted_and_survive(database: Database) -> None:
    book = FaultBook(database)
    book.add([parse({"action": "status", "status": 500, "skip": 1, "times": 2})])
    book.add([parse({"action": "status", "status": 502})])
    seen = [book.answer_to("GET", "/x") for _ in range(3)]
    assert [rule.status for rule in seen if rule] == [502, 500, 500]
    again = FaultBook(database)
    rule = again.answer_to("GET", "/x")
    assert rule is not None
    assert rule.status == 502
    assert [shown["bitten"] for shown in again.shown()] == [2, 2]


@pytest.mark.parametrize(("action", "effect"), [("close", "before"), ("status", "none")])
def test_the_default_effect_depends_on_the_action(action: str, effect: str) -> None:
    assert parse({"action": action}).effect == effect


def test_a_rule_of_another_kind_is_left_alone(database: Database) -> None:
    book = FaultBook(database)
    book.add([parse({"action": action}) for action in ("lose_callback", "late_visibility")])
    assert book.answer_to("POST", SEND) is None
    assert book.late_seconds("POST", SEND) == 5.0
    assert book.callback("push", "/webhooks/gmail") == Callbacks(copies=0)
    assert [rule["bitten"] for rule in book.shown()] == [1, 1]


def test_a_callback_rule_matches_receiver_or_origin(database: Database) -> None:
    book = FaultBook(database)
    path = "/2010-04-01/Accounts/AC1/Messages.json$"
    book.add([parse({"action": "delay_callback", "method": "POST", "path": path, "seconds": 2})])
    token = ORIGIN.set(Origin("POST", "/_receive"))
    assert book.callback("sent", "/status").delay_seconds == 0
    ORIGIN.reset(token)
    token = ORIGIN.set(Origin("POST", "/2010-04-01/Accounts/AC1/Messages.json"))
    assert book.callback("sent", "/status").delay_seconds == 2
    ORIGIN.reset(token)


def test_only_narrows_a_callback_rule_to_one_kind(database: Database) -> None:
    book = FaultBook(database)
    book.add([parse({"action": "duplicate_callback", "only": "read", "copies": 3})])
    assert [book.callback(kind, "/x").copies for kind in ("sent", "read")] == [1, 3]


@pytest.mark.parametrize("action", list(Action))
def test_every_action_has_usable_defaults(action: Action) -> None:
    assert parse({"action": action}).times is None


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(BadInputError, match="tims"):
        parse({"action": "close", "tims": 1})


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.transaction():
            database.record_sent({"body": "x"})
            raise BadInputError("stop")

    with pytest.raises(BadInputError):
        fail()
    assert database.sent(0) == []


def test_a_wipe_keeps_what_is_spared(tmp_path: Path) -> None:
    schema = "CREATE TABLE tokens (token TEXT); CREATE TABLE mail (id TEXT);"
    database = Database(tmp_path / "s.sqlite3", schema, frozenset({"tokens"}))
    database.run("INSERT INTO tokens VALUES ('t')")
    database.run("INSERT INTO mail VALUES ('m')")
    database.wipe()
    assert len(database.rows("SELECT * FROM tokens")) == 1
    assert database.rows("SELECT * FROM mail") == []
