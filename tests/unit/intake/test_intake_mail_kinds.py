"""Which mails get no turn."""

import pytest

from services.intake.application.mail import read_mail
from services.intake.application.mail_kinds import suppress_reason
from services.intake.application.messages import SuppressReason

OURS = "Support@example.com"


def reason(
    *headers: str, sender: str = "ada@example.com", labels: tuple[str, ...] = ("INBOX",)
) -> str:
    raw = "\r\n".join([f"From: {sender}", *headers]) + "\r\n\r\nHello"
    found = suppress_reason(read_mail(raw.encode()), frozenset(labels), OURS)
    return found.value if found else ""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("X-FTE-Intent: 1", "own_message"),
        ("Return-Path: <>", "bounce"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=x", "bounce"),
        ("Auto-Submitted: auto-replied", "auto_reply"),
        ("Auto-Submitted: auto-generated; x=y", "auto_reply"),
        ("X-Autoreply: yes", "auto_reply"),
        ("X-Autorespond: hi", "auto_reply"),
        ("X-Auto-Response-Suppress: All", "auto_reply"),
        ("Precedence: bulk", "auto_reply"),
        ("Precedence: Auto_Reply", "auto_reply"),
        ("Precedence: list", "mailing_list"),
        ("List-Id: <x.example.com>", "mailing_list"),
        ("List-Unsubscribe: <https://example.com>", "mailing_list"),
        ("Feedback-ID: 1:2:3", "mailing_list"),
        ("Return-Path: < >", "bounce"),
        ("Return-Path: <MAILER-DAEMON>", "bounce"),
        ("X-Failed-Recipients: a@b.example", "bounce"),
        ("Auto-Submitted: auto-replied (vacation)", "auto_reply"),
        ("X-Apple-Action: VACATION", "auto_reply"),
        ("X-Cron-Env: <SHELL=/bin/sh>", "auto_reply"),
        ("X-FC-MachineGenerated: true", "auto_reply"),
        ("X-Auto-Response-Suppress: DR, OOF, AutoReply", "auto_reply"),
        ("Content-Type: text/calendar; method=REPLY", "auto_reply"),
        ("Subject: Automatic reply: x\r\nIn-Reply-To: <a@b>", "auto_reply"),
        ("Subject: Abwesenheitsnotiz\r\nReferences: <a@b>", "auto_reply"),
        ("Subject: AUTO: Bo is away (returning 03/05)\r\nIn-Reply-To: <a@b>", "auto_reply"),
        (
            (
                "Subject: Report Domain: a.example Submitter: b.example Report-ID: 1\r\n"
                "Content-Type: application/gzip"
            ),
            "auto_reply",
        ),
        ("List-Unsubscribe: <mailto:x@y.example>\r\nPrecedence: bulk", "mailing_list"),
        ("List-Id: <users.lists.example>\r\nX-Auto-Response-Suppress: All", "mailing_list"),
        ("List-Id: <support.example.com>\r\nPrecedence: list", ""),
        ("Feedback-ID: 1.eu-west-1.abc=:AmazonSES", ""),
        ("X-Auto-Response-Suppress: DR, RN, NRN", ""),
        ("Content-Type: text/calendar; method=REQUEST", ""),
        ("Subject: Automatic reply: how do I set one up?", ""),
        ("Subject: Re: Automatic reply: x\r\nIn-Reply-To: <a@b>", ""),
        ("Subject: Out of office next week, please hurry\r\nIn-Reply-To: <a@b>", ""),
        ("Subject: Delivery failed: parcel 8842", ""),
        ("X-Autoreply: no", ""),
        ("Auto-Submitted: no", ""),
        ("X-Auto-Response-Suppress: None", ""),
        ("Precedence: first-class", ""),
        ("Return-Path: <ada@example.com>", ""),
    ],
)
def test_by_header(header: str, expected: str) -> None:
    assert reason(header) == expected


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("support@EXAMPLE.com", "own_message"),
        ("MAILER-DAEMON@example.com", "bounce"),
        ("postmaster@example.com", "bounce"),
        ("no-reply@example.com", "no_reply"),
        ("noreply@example.com", "no_reply"),
        ("do_not_reply@example.com", "no_reply"),
        ("donotreply+x@example.com", "no_reply"),
        ("", "no_sender"),
        ("post_master@example.com", "bounce"),
        ("bounces+12=a.example@example.com", "bounce"),
        ("microsoftexchange329e71ec88ae4615bbc36ab6ce41109e@example.com", "bounce"),
        ("Mail Delivery Subsystem <MAILER-DAEMON>", "bounce"),
        ("parcel-noreply@example.com", "no_reply"),
        ("no.reply@example.com", "no_reply"),
        ("ne-pas-repondre@example.com", "no_reply"),
        ("nao-responda@example.com", "no_reply"),
        ("nora@example.com", ""),
        ("bruno.reply@example.com", ""),
        ("bounce-fitness@example.com", ""),
        ("daemon.hill@example.com", ""),
        ("autohaus@example.com", ""),
        ('"No Reply Records" <ada@example.com>', ""),
        ('"Mail Delivery System" <ada@example.com>', ""),
        ("replyton@example.com", ""),
    ],
)
def test_by_sender(sender: str, expected: str) -> None:
    assert reason(sender=sender) == expected


def test_the_surest_reason_wins() -> None:
    assert reason("X-FTE-Intent: 1", "Return-Path: <>") == SuppressReason.OWN_MESSAGE
    status = "Content-Type: multipart/report; report-type=delivery-status; boundary=x"
    assert reason(status, "Auto-Submitted: auto-replied") == SuppressReason.BOUNCE
    assert reason("List-Id: <x>", "Auto-Submitted: auto-generated") == SuppressReason.AUTO_REPLY


def test_what_we_sent_is_ours() -> None:
    assert reason(labels=("INBOX", "SENT")) == SuppressReason.OWN_MESSAGE
