"""What a WhatsApp message says beside its text: places and contact cards as text, attachments by reference."""

import re
from collections.abc import Iterator, Mapping

from services.intake.application.messages import MediaProblem, MediaRef

# The most attachments that Twilio names in one message.
_MOST_MEDIA = 10
_MOST_PLACE_CHARACTERS = 500
_MOST_CARD_LINES = 400
_MOST_CARD_CHARACTERS = 1000
_VCARD = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
# What Twilio's API for WhatsApp takes and hands over (its guidance on media messages).
SUPPORTED = frozenset(
    {
        "image/jpeg", "image/jpg", "image/png", "image/webp",
        "audio/ogg", "audio/amr", "audio/3gpp", "audio/aac", "audio/mpeg", "audio/mp4",
        "video/mp4", "video/3gpp",
        "application/pdf", "application/msword",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.ms-excel",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "text/plain", "text/csv",
    }
    | _VCARD
)  # fmt: skip
# Twilio hands over a file of at most 16 MB, a picture of 5 MB (the same guidance); of a larger one it names the kind
# and brings no file.
_FILE_KINDS = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
# Kinds of message of which nothing but the kind arrives.
_EMPTY_KINDS = frozenset({"unsupported", "unknown", "poll", "event", "view_once"})
_COORDINATE = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,15})?")
_ESCAPED = re.compile(r"\\(.)")
_PROPERTY = re.compile(r"(?:[\w-]+\.)?(FN|N|ORG|TEL|EMAIL|TITLE)(?:;[^:]*)?:(.*)", re.IGNORECASE)


def text_of(fields: Mapping[str, str]) -> str:
    """Returns the message as text: its own words, then a place or a contact card if it is one."""
    body = fields.get("Body", "")
    pressed = fields.get("ButtonText", "") or fields.get("ListTitle", "")
    said = body if body.strip() else pressed
    parts = [_card_or_words(said), _place(fields)]
    return "\n".join(part for part in parts if part)


def media_of(fields: Mapping[str, str]) -> tuple[MediaRef, ...]:
    """Returns the attachments, which stay at the provider; what nobody here can open is marked."""
    return tuple(_attachments(fields)) or tuple(_kind_alone(fields))


def is_card(content_type: str) -> bool:
    """Tells whether an attachment is a contact card."""
    return content_type.partition(";")[0].strip().lower() in _VCARD


def contact_text(card: str) -> str:
    """Returns a vCard's names, numbers and addresses as one line; empty if it is none or holds none."""
    if card.lstrip("\ufeff \r\n\t")[:11].upper() != "BEGIN:VCARD":
        return ""
    found = [value for value in _values(card) if value]
    line = ", ".join(dict.fromkeys(found))[:_MOST_CARD_CHARACTERS]
    return f"[Contact] {line}" if line else ""


def _attachments(fields: Mapping[str, str]) -> Iterator[MediaRef]:
    for at in range(_MOST_MEDIA):
        url = fields.get(f"MediaUrl{at}", "")
        if not url:
            continue
        content_type = fields.get(f"MediaContentType{at}", "")[:200]
        bare = content_type.partition(";")[0].strip().lower()
        problem = None if bare in SUPPORTED else MediaProblem.UNSUPPORTED
        yield MediaRef(url[:2000], content_type, problem)


def _kind_alone(fields: Mapping[str, str]) -> Iterator[MediaRef]:
    kind = fields.get("MessageType", "").lower()
    if kind in _FILE_KINDS:
        yield MediaRef("", f"whatsapp/{kind}", MediaProblem.TOO_LARGE)
    if kind in _EMPTY_KINDS and not fields.get("Body", "").strip():
        yield MediaRef("", f"whatsapp/{kind}", MediaProblem.UNSUPPORTED)


def _place(fields: Mapping[str, str]) -> str:
    latitude, longitude = fields.get("Latitude", ""), fields.get("Longitude", "")
    if not (_COORDINATE.fullmatch(latitude) and _COORDINATE.fullmatch(longitude)):
        return ""
    named = [" ".join(fields.get(name, "").split()) for name in ("Label", "Address")]
    words = ", ".join(name for name in dict.fromkeys(named) if name)[:_MOST_PLACE_CHARACTERS]
    point = f"{latitude}, {longitude}"
    return f"[Location] {words} ({point})" if words else f"[Location] {point}"


def _card_or_words(text: str) -> str:
    if text.lstrip()[:11].upper() == "BEGIN:VCARD":
        return contact_text(text)
    return text


def _values(card: str) -> Iterator[str]:
    # A line that begins with a blank goes on with the one before it (RFC 6350, 3.2).
    unfolded = re.sub(r"\r?\n[ \t]", "", card[:100_000])
    lines = unfolded.splitlines()[:_MOST_CARD_LINES]
    properties = [found for line in lines if (found := _PROPERTY.fullmatch(line.strip()))]
    named = any(found[1].upper() == "FN" for found in properties)
    for found in properties:
        name = found[1].upper()
        if name == "N" and named:
            continue
        raw = found[2].replace(";", " ") if name in {"N", "ORG"} else found[2]
        yield " ".join(_ESCAPED.sub(lambda m: " " if m[1] in "nN" else m[1], raw).split())
