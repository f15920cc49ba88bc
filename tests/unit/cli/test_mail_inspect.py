"""`fte mail inspect`: one line of JSON for each raw mail, with nothing else running."""

import json
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app

MAILS = Path(__file__).resolve().parents[2] / "fixtures" / "mail"


def inspect(*arguments: str, given: bytes | None = None) -> tuple[int, list[dict[str, object]]]:
    answer = CliRunner().invoke(app, ["mail", "inspect", *arguments], input=given)
    return answer.exit_code, [json.loads(line) for line in answer.stdout.splitlines()]


def test_each_mail_is_one_line() -> None:
    names = ("gmail-reply", "bounce-dsn", "newsletter", "out-of-office-exchange")
    code, rows = inspect(*(str(MAILS / f"{name}.eml") for name in names))
    assert code == 0
    assert [row["class"] for row in rows] == ["human", "bounce", "list", "automatic"]
    assert all(row["why"] for row in rows)


def test_everything_is_told() -> None:
    _, [row] = inspect(str(MAILS / "winmail.eml"))
    assert row["sender"] == "gordon@banks.example"
    assert row["evidence"] == {
        "dmarc": "pass",
        "assurance": "verified",
        "reply_to": "",
        "reply_to_differs": False,
    }
    assert row["subject"] == "Contract"
    assert row["text"] == "Please find the signed contract for Café Müller attached."
    assert row["attachments"] == [
        {"name": "Contract \u2013 final.pdf", "type": "application/pdf", "size": 1234}
    ]
    assert (row["quoted_text"], row["limits_hit"], row["needs_person"]) == ("", [], False)


def test_our_own_mailbox_can_be_named() -> None:
    own = b"From: help@acme.example\r\n\r\nHi"
    assert inspect("-", given=own)[1][0]["class"] == "human"
    assert inspect("--mailbox", "help@acme.example", "-", given=own)[1][0]["class"] == "own"


def test_a_mail_that_no_sender_can_be_told_of_needs_a_person() -> None:
    _, [row] = inspect("-", given=b"\0\xff no mail at all")
    assert (row["class"], row["needs_person"]) == ("human", True)


def test_a_file_that_is_not_there_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    code, rows = inspect(str(tmp_path / "missing.eml"), str(MAILS / "newsletter.eml"))
    assert (code, len(rows)) == (1, 1)
