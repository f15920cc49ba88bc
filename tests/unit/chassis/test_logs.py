"""Logs hold ids and facts: no words, names, addresses or secrets, whatever somebody passes in."""

import json
import logging
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import structlog

import chassis.database  # noqa: F401 - it takes row contents out of Postgres errors
from chassis import logs
from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("from jane@example.com.", "from j***@example.com."),
        ("änne@bücher.example wrote", "ä***@bücher.example wrote"),
        ("a.b+c@mail.example.co.uk", "a***@mail.example.co.uk"),
        ("whatsapp:+15550100 sent", "whatsapp:+*** sent"),
        ("ticket 15550100 is no number", "ticket 15550100 is no number"),
    ],
)
def test_addresses_and_numbers_are_masked(text: str, masked: str) -> None:
    assert logs.mask_text(text) == masked


def test_a_line_is_json_with_service_time_and_masked_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("identity")
    structlog.get_logger("test").info(
        "seen",
        customer_id=UUID(int=7),
        to="ada@example.com",
        nested={"ada@example.com": ["+15550100", {"x": ("+15550100",)}]},
        thing=conversation_pb2.Handle(value="ada@example.com"),
        count=3,
    )
    [line] = lines(capsys)
    assert line["service"] == "identity"
    assert line["time"].endswith("Z")
    assert line["customer_id"] == str(UUID(int=7))
    assert line["count"] == 3
    assert "ada@" not in json.dumps(line)
    assert "15550100" not in json.dumps(line)


def test_exceptions_are_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("identity")
    error = ValueError("no mailbox ada@example.com for +15550100")
    structlog.get_logger("test").error("failed", exc_info=error)
    logging.getLogger("somebody.elses").error("theirs for %s", "ada@example.com", exc_info=error)
    ours, theirs = lines(capsys)
    for line in (ours, theirs):
        assert "ValueError" in line["exception"]
        assert "ada@" not in json.dumps(line)
        assert "15550100" not in json.dumps(line)
    assert theirs["event"] == "theirs for a***@example.com"


def test_a_postgres_error_quotes_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("identity")
    error = asyncpg.CheckViolationError("new row violates check constraint")
    error.detail = "Failing row contains (7, my password is swordfish)."
    assert str(error) == "new row violates check constraint"
    structlog.get_logger("test").error("failed", exc_info=error)
    [line] = lines(capsys)
    assert "CheckViolationError" in line["exception"]
    assert "swordfish" not in json.dumps(line)


def test_fields_marked_personal_are_blank() -> None:
    handle = conversation_pb2.Handle(
        type=conversation_pb2.HANDLE_TYPE_EMAIL, value="ada@example.com"
    )
    assert logs.protobuf_fields(handle) == {"type": 1, "value": "[redacted]"}
    entry = identity_service_pb2.ResolveHandle(
        handle=handle, assurance=conversation_pb2.ASSURANCE_CLAIMED, display_name="Ada"
    )
    assert logs.protobuf_fields(entry) == {"assurance": 2, "display_name": "[redacted]"}


def test_a_message_that_is_logged_whole_shows_no_personal_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("test")
    asked = identity_service_pb2.ResolveHandle(
        handle=conversation_pb2.Handle(
            type=conversation_pb2.HANDLE_TYPE_WHATSAPP_USER, value="canary-handle"
        ),
        assurance=conversation_pb2.ASSURANCE_CLAIMED,
        display_name="Canary Name",
    )
    structlog.get_logger("test").info("asked", message=asked, several=[asked])
    [line] = lines(capsys)
    assert "anary" not in json.dumps(line)
    assert line["message"]["assurance"] == conversation_pb2.ASSURANCE_CLAIMED
