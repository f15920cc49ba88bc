"""The Gmail simulator's reading and editing of mail, on good and on hostile bytes."""

import base64
from pathlib import Path

import pytest

from simulators.database import Database
from simulators.gmail import mailbox as store
from simulators.gmail import mime, search
from simulators.gmail.errors import GmailError
from simulators.gmail.mailbox import Mailbox, resource
from simulators.gmail.receiving import Receiving
from simulators.gmail.sending import Sending
from simulators.gmail.upload import Submitted
from simulators.input import BadInputError

US = "support@example.com"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "gmail.sqlite3", store.SCHEMA)


@pytest.fixture
def mailbox(database: Database) -> Mailbox:
    return Mailbox(database, lambda _history_id, _labels: None)


@pytest.fixture
def receiving(database: Database, mailbox: Mailbox) -> Receiving:
    return Receiving(US, database, mailbox)


def test_headers_are_removed_with_their_folds_and_the_body_is_left_alone() -> None:
    raw = b"A: 1\r\nMessage-Id: <x@y>\r\n folded\r\nB: 2\r\n\r\nMessage-ID: body\r\n"
    assert mime.without_headers(raw, "Message-ID") == b"A: 1\r\nB: 2\r\n\r\nMessage-ID: body\r\n"
    assert mime.with_headers(b"B: 2\r\n\r\n", ("A", "1")) == b"A: 1\r\nB: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Reset", "Re: Reset", True),
        ("RE: Fwd: re[2]: Reset ", "reset", True),
        ("AW: Größe", "größe", True),
        ("Reset", "Reset now", False),
        ("Regarding: x", "x", False),
    ],
)
def test_subjects_are_compared_without_prefixes(left: str, right: str, *, same: bool) -> None:
    keys = {mime.facts(mime.parse(f"Subject: {s}\n\n".encode())).subject_key for s in (left, right)}
    assert (len(keys) == 1) is same


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"From: a@example.com\nContent-Type: text/plain; charset=nonsense\n\n\xff",
        b"From: a@example.com\nSubject: =?nonsense?q?x?= =?utf-8?b?!!!?=\n\nx",
        b"From: a@example.com\nContent-Type: multipart/mixed\n\nno boundary",
        b"From: a@example.com\nContent-Transfer-Encoding: base64\n\n!!!",
        b"From: =?x\nTo: <<>>,,;\nReferences: <a\n\n",
        b"From: a@example.com\nContent-Type: message/rfc822\n\nSubject: inner\n\nx",
    ],
)
def test_odd_mail_still_has_facts_and_a_payload(raw: bytes) -> None:
    mail = mime.parse(raw)
    mime.facts(mail)
    assert mime.payload(mail)["mimeType"]


def test_a_mail_nested_too_deep_keeps_its_headers() -> None:
    parts = "".join(
        f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(3000)
    )
    mail = mime.parse(f"From: a@example.com\nSubject: deep\n{parts}".encode())
    assert mime.facts(mail).subject == "deep"
    assert mime.payload(mail)["headers"][0]["value"] == "a@example.com"


def test_an_attachment_is_fetched_by_the_id_in_the_payload() -> None:
    raw = (
        b'From: a@example.com\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\ntext\n--b\n'
        b"Content-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n"
        b"Content-Transfer-Encoding: base64\n\n" + base64.b64encode(b"%PDF") + b"\n--b--\n"
    )
    mail = mime.parse(raw)
    part = mime.payload(mail)["parts"][1]
    assert (part["filename"], part["body"]["size"]) == ("a.pdf", 4)
    assert mime.attachment(mail, part["body"]["attachmentId"]) == b"%PDF"
    assert mime.attachment(mail, "part-7") is None
    assert mime.facts(mail).attachments == ("a.pdf",)


@pytest.mark.parametrize("text", ["-_-_", "QQ", "QQ=="])
def test_base64_is_read_padded_or_not(text: str) -> None:
    assert mime.decoded(text)


@pytest.mark.parametrize("text", ["a b!", "a!b=", "a"])
def test_bad_base64_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        mime.decoded(text)


def stored(mailbox: Mailbox, message_id: str | None) -> list[dict[str, str]]:
    assert message_id is not None
    shown = resource(mailbox.get(message_id), "full", [])
    headers: list[dict[str, str]] = shown["payload"]["headers"]
    return headers


def test_the_verdict_on_top_is_gmails(receiving: Receiving, mailbox: Mailbox) -> None:
    forged = b"Authentication-Results: evil.example; dmarc=fail\nFrom: ada@example.com\n\nx"
    first = stored(mailbox, receiving.receive(forged)["id"])[0]
    assert first["value"].startswith("mx.google.com; ")
    assert "dmarc=pass" in first["value"]
    assert "header.from=example.com" in first["value"]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_poster_may_bring_the_verdict(
    receiving: Receiving, mailbox: Mailbox, *, as_json: bool
) -> None:
    verdict = "mx.google.com; dkim=none; dmarc=fail (p=REJECT) header.from=example.com"
    raw = f"From: ada@example.com\nAuthentication-Results: {verdict}\n\nx".encode()
    if as_json:
        raw = receiving.composed(
            {"from": "ada@example.com", "headers": {"Authentication-Results": verdict}}
        )
    headers = stored(mailbox, receiving.receive(raw)["id"])
    verdicts = [item for item in headers if item["name"] == "Authentication-Results"]
    assert [item["value"] for item in verdicts] == [verdict]


def test_missing_headers_are_added_and_long_ids_are_not_folded(
    receiving: Receiving, mailbox: Mailbox
) -> None:
    long_id = f"<{'x' * 120}@mail.gmail.com>"
    raw = receiving.composed(
        {"from": "ada@example.com", "headers": [["In-Reply-To", long_id], ["X-A", "1"]]}
    )
    assert f"In-Reply-To: {long_id}".encode() in raw
    headers = stored(mailbox, receiving.receive(b"From: ada@example.com\n\nx")["id"])
    assert {"Message-ID", "Date", "Return-Path", "Delivered-To"} <= {i["name"] for i in headers}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"from": "ada"},
        {"from": "ada@example.com", "headers": "x"},
        {"from": "ada@example.com", "headers": {"X-A": "a\nb: c"}},
    ],
)
def test_a_mail_that_cannot_be_written_is_refused(
    receiving: Receiving, wanted: dict[str, object]
) -> None:
    with pytest.raises(BadInputError):
        receiving.composed(wanted)


def test_a_mail_without_author_is_refused(receiving: Receiving) -> None:
    with pytest.raises(BadInputError):
        receiving.receive(b"Subject: x\n\nx")


def test_a_mail_to_ourselves_lands_in_the_inbox_too(database: Database, mailbox: Mailbox) -> None:
    sending = Sending(US, database, mailbox, database, lambda *_: None)
    row = sending.send(Submitted(f"To: {US}\nSubject: x\n\nx".encode(), None, None))
    assert resource(row, "minimal", [])["labelIds"] == ["UNREAD", "SENT", "INBOX"]
    with pytest.raises(GmailError):
        sending.send(Submitted(b"Subject: nobody\n\nx", None, None))
    assert len(database.sent(0)) == 1


def test_a_failed_draft_send_keeps_the_draft(database: Database, mailbox: Mailbox) -> None:
    sending = Sending(US, database, mailbox, database, lambda *_: None)
    draft_id, _ = sending.create_draft(Submitted(b"Subject: nobody\n\nx", None, None))
    with pytest.raises(GmailError):
        sending.send_draft(Submitted(None, None, draft_id))
    assert mailbox.draft(draft_id)


def test_history_numbers_go_on_after_a_wipe(
    database: Database, mailbox: Mailbox, receiving: Receiving
) -> None:
    receiving.receive(b"From: ada@example.com\n\nx")
    before = mailbox.newest_visible()
    database.wipe()
    assert mailbox.newest_visible() == before > 1000
    receiving.receive(b"From: ada@example.com\n\nx")
    assert mailbox.newest_visible() == before + 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", []),
        ("in:anywhere", []),
        ("rfc822msgid:<a@b>", [("rfc_id = ?", "<a@b>")]),
        ("in:SENT", [("instr(labels, ?) > 0", '"SENT"')]),
        ("-is:unread", [("NOT (instr(labels, ?) > 0)", '"UNREAD"')]),
        ("after:1000", [("internal_ms >= ?", 1_000_000.0)]),
        ("before:1970/01/02", [("internal_ms < ?", 86_400_000.0)]),
        ("after:tomorrow", [("instr(searched, ?) > 0", "after:tomorrow")]),
        ('"Two Words"', [("instr(searched, ?) > 0", "two words")]),
    ],
)
def test_queries_become_conditions(query: str, expected: list[search.Clause]) -> None:
    assert search.clauses(query) == expected
