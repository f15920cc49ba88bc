"""Reading Twilio's webhook forms, whose signature has been checked."""

import re
from collections.abc import Mapping

from services.intake.application.messages import (
    Assurance,
    Channel,
    Handle,
    HandleType,
    InboundMessage,
    MediaRef,
    ProviderStatus,
    SuppressReason,
    WhatsAppFacts,
)

_PREFIX = "whatsapp:"
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_USER_ID = re.compile(r"[A-Za-z0-9._-]{3,128}")
_SID = re.compile(r"[A-Za-z0-9_-]{2,64}")
_STATUS = re.compile(r"[a-z_]{1,32}")
_INTENT = re.compile(r"[0-9a-fA-F-]{1,64}")
_ERROR_CODE = re.compile(r"[0-9]{1,9}")
_MEDIA = 10
_NAME_CHARACTERS = 200
_BODY_CHARACTERS = 100_000


class WebhookMalformedError(Exception):
    """A signed webhook lacks what makes it a message or a status; the text names the parameter."""


def read_message(fields: Mapping[str, str], raw: bytes, our_number: str) -> InboundMessage:
    """Makes the inbox's message of an inbound webhook; a message of media only has an empty body.

    Raises:
        WebhookMalformedError: if the id or the sender is missing or has another form.

    """
    sid = _matching(fields, "MessageSid", _SID)
    handle = _sender(fields)
    own = handle == Handle(HandleType.PHONE, our_number)
    return InboundMessage(
        channel=Channel.WHATSAPP,
        account=fields.get("AccountSid", ""),
        provider_id=sid,
        handle=handle,
        assurance=Assurance.VERIFIED,
        raw=raw,
        sender_name=fields.get("ProfileName", "").replace("\0", "")[:_NAME_CHARACTERS],
        body=fields.get("Body", "").replace("\0", "")[:_BODY_CHARACTERS],
        whatsapp=WhatsAppFacts(sid, _media(fields), _user_id_beside(handle, fields)),
        suppress_reason=SuppressReason.OWN_MESSAGE if own else None,
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


def _sender(fields: Mapping[str, str]) -> Handle:
    sender = fields.get("From", "").removeprefix(_PREFIX)
    if _PHONE.fullmatch(sender):
        return Handle(HandleType.PHONE, sender)
    # Somebody who hides the number is known by WhatsApp's business-scoped id alone.
    user_id = fields.get("ExternalUserId", "").removeprefix(_PREFIX) or sender
    if _USER_ID.fullmatch(user_id):
        return Handle(HandleType.WHATSAPP_USER, user_id)
    raise WebhookMalformedError("From")


def _user_id_beside(handle: Handle, fields: Mapping[str, str]) -> str:
    """WhatsApp's id of a sender who shows a number: it tells when the number has another holder."""
    user_id = fields.get("ExternalUserId", "").removeprefix(_PREFIX)
    return user_id if handle.type is HandleType.PHONE and _USER_ID.fullmatch(user_id) else ""


def _media(fields: Mapping[str, str]) -> tuple[MediaRef, ...]:
    urls = [fields.get(f"MediaUrl{at}", "") for at in range(_MEDIA)]
    return tuple(
        MediaRef(url[:2000], fields.get(f"MediaContentType{at}", "")[:200])
        for at, url in enumerate(urls)
        if url
    )


def _matching(fields: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not form.fullmatch(value):
        raise WebhookMalformedError(name)
    return value
