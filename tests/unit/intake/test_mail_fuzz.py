"""Any bytes give a mail that can be stored and shown: no exception, no half characters, nothing beyond the limits."""

import json
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.intake.application.mail import (
    ATTACHMENTS,
    BODY_CHARACTERS,
    HIDDEN_CHARACTERS,
    REFERENCES,
    SUBJECT_CHARACTERS,
    Mail,
    read_mail,
)
from services.intake.application.mail_kinds import kind, suppress_reason
from services.intake.domain.charsets import decode
from services.intake.domain.html_text import read_html
from services.intake.domain.plain_text import CUT, tidy
from services.intake.domain.quotation import cut
from services.intake.domain.tnef import read_tnef

FIXTURES = [
    file.read_bytes()
    for file in sorted((Path(__file__).resolve().parents[2] / "fixtures" / "mail").glob("*.eml"))
]
# What mails are made of, so that random ones come near to real ones.
PIECES = st.sampled_from(
    [
        b"From: a@b.example\r\n",
        b"Subject: =?utf-8?b?4pyT?=\r\n",
        b"Subject: =?x?q?=ff?=\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b"Content-Type: multipart/alternative; boundary*=utf-8''x\r\n",
        b"Content-Type: text/html; charset=utf-16\r\n",
        b"Content-Type: text/plain; format=flowed; delsp=yes\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: application/ms-tnef\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Return-Path: <>\r\n",
        b"Authentication-Results: mx.google.com; dmarc=pass header.from=b.example\r\n",
        b"\r\n",
        b"--x\r\n",
        b"--x--\r\n",
        b"<div style='color:#fff'>",
        b"<blockquote>",
        b"<style>.a{display:none}</style>",
        b"</div>",
        b"> quoted\r\n",
        b"On 2 Mar 2026, Bob wrote:\r\n",
        b"From: x@y.example\r\nSent: now\r\nTo: z\r\n",
        b"-- \r\n",
        b"begin 644 a\r\nM\r\nend\r\n",
        b"=E2=9C=93=\r\n",
        b"\x1b$B%F%9%H\x1b(B",
        b"\xff\xfe\0",
        b"\xf3\xa0\x81\xa9" * 5,
    ]
)
SETTINGS = settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])


def storable(mail: Mail) -> None:
    texts = [mail.text, mail.quoted, mail.signature, mail.hidden, mail.subject, mail.sender_name]
    for text in texts:
        text.encode()
        assert "\0" not in text
        assert CUT not in text
    json.dumps([one.name for one in mail.attachments]).encode()
    assert len(mail.text) <= BODY_CHARACTERS
    assert len(mail.subject) <= SUBJECT_CHARACTERS
    assert len(mail.hidden) <= HIDDEN_CHARACTERS
    assert len(mail.attachments) <= ATTACHMENTS
    assert len(mail.references) <= REFERENCES
    assert kind(mail, frozenset(), "support@example.com").why
    suppress_reason(mail, frozenset(), "support@example.com")


@given(st.lists(st.one_of(PIECES, st.binary(max_size=60)), max_size=40).map(b"".join))
@SETTINGS
def test_pieces_of_mails_in_any_order(raw: bytes) -> None:
    storable(read_mail(raw))


@given(st.data())
@SETTINGS
def test_real_mails_that_were_spoilt(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(FIXTURES)))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw)))
        length = data.draw(st.sampled_from((0, 1, 10, 100)))
        raw[at : at + length] = data.draw(st.one_of(st.binary(max_size=20), PIECES))
    storable(read_mail(bytes(raw)))


@given(st.text(max_size=2000))
@example("On 2 Mar 2026 10:00, a@b.c wrote:")
@SETTINGS
def test_a_text_is_never_cut_to_nothing(text: str) -> None:
    clean = tidy(text.replace(CUT, ""))
    found = cut(clean)
    assert bool(found.own) == bool(clean)
    # Nothing is made up: each line of one's own stood in the text.
    assert {line.strip() for line in found.own.split("\n")} <= {
        line.strip() for line in clean.split("\n")
    } | {""}


@given(st.text(max_size=2000))
@SETTINGS
def test_any_text_is_read_as_html(text: str) -> None:
    read_html(text).text.encode("utf-8", "replace")


@given(st.binary(max_size=2000), st.text(max_size=20))
@SETTINGS
def test_any_charset_gives_a_text(data: bytes, declared: str) -> None:
    assert isinstance(decode(data, declared), str)


@given(st.binary(max_size=2000))
@SETTINGS
def test_any_bytes_are_read_as_winmail(data: bytes) -> None:
    read_tnef(b"\x78\x9f\x3e\x22\x00\x00" + data)
