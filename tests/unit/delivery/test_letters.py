"""What is sent: admission, the fixed notice, the mail, and the way through the contracts."""

import base64
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from services.delivery.adapters import mapping
from services.delivery.adapters.gmail_message import raw_message
from services.delivery.domain.admission import refusal
from services.delivery.domain.intent import Channel, HandleType, Intent, Kind, Letter
from services.delivery.domain.notice import notice_of
from tests.unit.delivery.letters import LETTER, intent


def _mail(of: Intent) -> EmailMessage:
    raw = base64.urlsafe_b64decode(raw_message(of, "support@example.com"))
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_a_mail_is_a_marked_reply_with_text_and_html() -> None:
    mail = _mail(intent())
    assert mail["From"] == "support@example.com"
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Re: Password"
    assert mail["In-Reply-To"] == "<one@mail.example.com>"
    assert mail["References"] == "<zero@mail.example.com> <one@mail.example.com>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-FTE-Intent"] == str(intent().intent_id)
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert text.get_content().rstrip().replace("\r", "") == LETTER.text
    assert html is not None
    assert html.get_content().rstrip() == LETTER.html


def test_long_message_ids_are_neither_folded_nor_encoded() -> None:
    ids = tuple(f"<{'a' * 200}{n}@mail.example.com>" for n in range(20))
    of = intent(letter=replace(LETTER, in_reply_to=ids[-1], references=ids))
    raw = base64.urlsafe_b64decode(raw_message(of, "support@example.com"))
    for one in ids:
        assert one.encode() in raw
    assert b"=?" not in raw.split(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "text", ["Hi\r\nBcc: eve@example.com", "Hi\nBcc: eve@example.com", "a\x0bb"]
)
def test_a_subject_cannot_add_a_header(text: str) -> None:
    of = intent(letter=replace(LETTER, subject=text, in_reply_to=f"<x>\r\n{text}"))
    mail = _mail(of)
    assert mail["Bcc"] is None
    assert mail["To"] == "ada@example.com"


def test_the_stored_content_is_the_intent() -> None:
    assert mapping.stored_intent(mapping.content_of(intent()), "answer") == intent()
    notice = notice_of(intent(Channel.WEB_FORM))
    assert notice is not None
    assert mapping.stored_intent(mapping.content_of(notice), "web_notice") == notice


def test_a_notice_says_fixed_words_and_the_link() -> None:
    answer = intent(Channel.WEB_FORM)
    notice = notice_of(answer)
    assert notice is not None
    assert (notice.kind, notice.channel, notice.send_seq) == (Kind.WEB_NOTICE, Channel.EMAIL, None)
    assert notice.letter.recipient == answer.letter.recipient
    assert LETTER.status_url in notice.letter.text
    other = Letter(
        HandleType.EMAIL, LETTER.recipient, "eve's words", subject="eve's subject",
        html="<b>eve</b>", status_url=LETTER.status_url, ticket_reference="FTE-EVE",
    )  # fmt: skip
    again = notice_of(replace(answer, letter=other))
    assert again == notice


def test_a_notice_of_the_same_answer_is_the_same_notice() -> None:
    first, second = notice_of(intent(Channel.WEB_FORM)), notice_of(intent(Channel.WEB_FORM))
    assert first == second


@pytest.mark.parametrize(
    "of",
    [
        intent(Channel.EMAIL),
        intent(Channel.WEB_FORM, replace(LETTER, status_url="")),
        intent(Channel.WEB_FORM, replace(LETTER, recipient_type=HandleType.PHONE)),
    ],
)
def test_nothing_else_is_noticed(of: Intent) -> None:
    assert notice_of(of) is None


@pytest.mark.parametrize(
    ("channel", "handle", "recipient", "expected"),
    [
        (Channel.EMAIL, HandleType.EMAIL, "ada@example.com", ""),
        (Channel.EMAIL, HandleType.PHONE, "+15550100", "recipient_not_on_channel"),
        (Channel.WHATSAPP, HandleType.PHONE, "+15550100", ""),
        (Channel.WHATSAPP, HandleType.WHATSAPP_USER, "US.1", ""),
        (Channel.WHATSAPP, HandleType.EMAIL, "ada@example.com", "recipient_not_on_channel"),
        (Channel.WEB_FORM, HandleType.EMAIL, "ada@example.com", ""),
        (Channel.EMAIL, HandleType.EMAIL, "Support@Example.com", "recipient_is_ours"),
        (Channel.WHATSAPP, HandleType.PHONE, "+14155238886", "recipient_is_ours"),
    ],
)
def test_admission(channel: Channel, handle: HandleType, recipient: str, expected: str) -> None:
    of = intent(channel, replace(LETTER, recipient_type=handle, recipient=recipient))
    assert refusal(of, frozenset({"support@example.com", "+14155238886"})) == expected
