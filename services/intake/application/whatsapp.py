"""Reading Twilio's webhook forms, whose signature has been checked."""

import re
from collections.abc import Mapping

from services.intake.application.messages import (
    Assurance,
    Channel,
    Handle,
    HandleType,
    InboundMessage,
    ProviderStatus,
    SuppressReason,
    WhatsAppFacts,
)
from services.intake.application.opt_out import Word, word_of
from services.intake.application.whatsapp_content import media_of, text_of

_PREFIX = "whatsapp:"
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_USER_ID = re.compile(r"[A-Za-z0-9._-]{3,128}")
_SID = re.compile(r"[A-Za-z0-9_-]{2,64}")
_STATUS = re.compile(r"[a-z_]{1,32}")
_INTENT = re.compile(r"[0-9a-fA-F-]{1,64}")
_ERROR_CODE = re.compile(r"[0-9]{1,9}")
_NAME_CHARACTERS = 200
_BODY_CHARACTERS = 100_000


_SUPPRESSED = {
    Word.STOP: SuppressReason.OPT_OUT,
    Word.START: SuppressReason.OPT_IN,
    Word.HELP: SuppressReason.ANSWERED_BY_PROVIDER,
}
_WISHES = {Word.STOP: "opted_out", Word.START: "opted_in", Word.AGREED: "opted_in"}


class WebhookMalformedError(Exception):
    """A signed webhook lacks what makes it a message or a status; the text names the parameter."""


def read_message(fields: Mapping[str, str], raw: bytes, our_number: str) -> InboundMessage:
    """Makes the inbox's message of an inbound webhook; a message of media only has an empty body.

    A bare keyword that Twilio acts upon, such as STOP, gets no turn: the customer is told what Twilio tells them.

    Raises:
        WebhookMalformedError: if the id or the sender is missing or has another form.

    """
    sid = _matching(fields, "MessageSid", _SID)
    handle, user = _sender(fields)
    word = word_of(fields)
    suppressed = _SUPPRESSED.get(word) if word else None
    if handle == Handle(HandleType.PHONE, our_number):
        suppressed = SuppressReason.OWN_MESSAGE
    return InboundMessage(
        channel=Channel.WHATSAPP,
        account=fields.get("AccountSid", ""),
        provider_id=sid,
        handle=handle,
        assurance=Assurance.VERIFIED,
        raw=raw,
        sender_name=fields.get("ProfileName", "").replace("\0", "")[:_NAME_CHARACTERS],
        body=text_of(fields).replace("\0", "")[:_BODY_CHARACTERS],
        whatsapp=WhatsAppFacts(sid, media_of(fields), user),
        suppress_reason=suppressed,
    )


def read_wish(fields: Mapping[str, str], raw: bytes) -> ProviderStatus | None:
    """Makes the inbox's status of a keyword that stops our messages or starts them again; None of any other message.

    Raises:
        WebhookMalformedError: if the id or the sender is missing or has another form.

    """
    word = word_of(fields)
    if word not in _WISHES:
        return None
    handle, _ = _sender(fields)
    return ProviderStatus(
        channel=Channel.WHATSAPP,
        account=fields.get("AccountSid", ""),
        message_id=_matching(fields, "MessageSid", _SID),
        status=_WISHES[word],
        intent_id="",
        error_code="",
        raw=raw,
        handle=handle,
    )


def read_status(fields: Mapping[str, str], intent_id: str, raw: bytes) -> ProviderStatus:
    """Makes the inbox's status of a status callback; `intent_id` is what our callback address carried.

    Raises:
        WebhookMalformedError: if the id or the status is missing or has another form.

    """
    error_code = fields.get("ErrorCode", "")
    return ProviderStatus(
        channel=Channel.WHATSAPP,
        account=fields.get("AccountSid", ""),
        message_id=_matching(fields, "MessageSid", _SID),
        status=_matching(fields, "MessageStatus", _STATUS),
        intent_id=intent_id if _INTENT.fullmatch(intent_id) else "",
        error_code=error_code if _ERROR_CODE.fullmatch(error_code) else "",
        raw=raw,
    )


def _sender(fields: Mapping[str, str]) -> tuple[Handle, str]:
    """Returns the sender's handle and, beside a number, WhatsApp's id of its holder.

    The id tells when a number has another holder. Somebody who hides the number is known by it alone.
    """
    sender = fields.get("From", "").removeprefix(_PREFIX)
    user_id = fields.get("ExternalUserId", "").removeprefix(_PREFIX)
    known = _USER_ID.fullmatch(user_id) is not None
    if _PHONE.fullmatch(sender):
        return Handle(HandleType.PHONE, sender), user_id if known else ""
    if not known and not _USER_ID.fullmatch(sender):
        raise WebhookMalformedError("From")
    return Handle(HandleType.WHATSAPP_USER, user_id if known else sender), ""


def _matching(fields: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not form.fullmatch(value):
        raise WebhookMalformedError(name)
    return value
