"""Reading Twilio's forms."""

import pytest

from services.intake.application.messages import (
    Assurance,
    Handle,
    HandleType,
    MediaRef,
    SuppressReason,
)
from services.intake.application.whatsapp import (
    WebhookMalformedError,
    read_message,
    read_status,
)

FORM = {
    "AccountSid": "AC1",
    "MessageSid": "SM" + "0" * 32,
    "From": "whatsapp:+15550100",
    "To": "whatsapp:+14155238886",
    "Body": "Hi",
    "ProfileName": "Ada",
}


def test_a_text_message() -> None:
    message = read_message(FORM, b"raw", "+14155238886")
    assert message.provider_id == FORM["MessageSid"]
    assert message.account == "AC1"
    assert message.handle == Handle(HandleType.PHONE, "+15550100")
    assert message.assurance is Assurance.VERIFIED
    assert (message.body, message.sender_name, message.raw) == ("Hi", "Ada", b"raw")
    assert message.suppress_reason is None


def test_media_only_has_an_empty_body_and_a_list() -> None:
    form = {
        **FORM,
        "Body": "",
        "NumMedia": "1",
        "MediaUrl0": "https://x/1",
        "MediaContentType0": "image/png",
    }
    message = read_message(form, b"", "+1")
    assert message.body == ""
    assert message.whatsapp is not None
    assert message.whatsapp.media == (MediaRef("https://x/1", "image/png"),)


@pytest.mark.parametrize(
    ("sender", "user_id", "expected"),
    [
        ("whatsapp:US.1349", "", "US.1349"),
        ("", "US.1349", "US.1349"),
        ("whatsapp:hidden", "whatsapp:US.1349", "US.1349"),
    ],
)
def test_a_sender_without_number(sender: str, user_id: str, expected: str) -> None:
    message = read_message({**FORM, "From": sender, "ExternalUserId": user_id}, b"", "+1")
    assert message.handle == Handle(HandleType.WHATSAPP_USER, expected)
    assert message.whatsapp is not None
    assert message.whatsapp.user_id == ""


@pytest.mark.parametrize(
    ("user_id", "kept"),
    [("US.1349", "US.1349"), ("whatsapp:US.1349", "US.1349"), ("", ""), ("U S", "")],
)
def test_a_user_id_beside_a_number_is_kept(user_id: str, kept: str) -> None:
    message = read_message({**FORM, "ExternalUserId": user_id}, b"", "+1")
    assert message.handle == Handle(HandleType.PHONE, "+15550100")
    assert message.whatsapp is not None
    assert message.whatsapp.user_id == kept


def test_our_own_number_gets_no_turn() -> None:
    message = read_message({**FORM, "From": "whatsapp:+14155238886"}, b"", "+14155238886")
    assert message.suppress_reason is SuppressReason.OWN_MESSAGE


@pytest.mark.parametrize("missing", ["MessageSid", "From"])
def test_what_is_no_message(missing: str) -> None:
    with pytest.raises(WebhookMalformedError, match=missing):
        read_message({**FORM, missing: ""}, b"", "+1")


def test_a_status() -> None:
    form = {**FORM, "MessageStatus": "failed", "ErrorCode": "63016"}
    status = read_status(form, "0198c0de-0000-7000-8000-000000000001", b"raw")
    assert status.provider_id == f"{FORM['MessageSid']}:failed"
    assert (status.message_id, status.status) == (FORM["MessageSid"], "failed")
    assert (status.intent_id, status.error_code) == (
        "0198c0de-0000-7000-8000-000000000001",
        "63016",
    )


def test_a_status_with_a_strange_intent_is_kept_without_it() -> None:
    assert read_status({**FORM, "MessageStatus": "sent"}, "x y", b"").intent_id == ""
    with pytest.raises(WebhookMalformedError, match="MessageStatus"):
        read_status({**FORM, "MessageStatus": "Sent it!"}, "", b"")
