"""Handles: the addresses by which a customer is recognised, each in one canonical form.

Two spellings of one address must never make two customers, so everything is stored and compared in the
form that is made here.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import email_validator
import phonenumbers

_WHATSAPP = "whatsapp:"
_SEPARATORS = str.maketrans("", "", " \u00a0()-./")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# Brazil put a 9 before mobile numbers, which begin with 6 to 9; WhatsApp still gives the old form of many.
_BRAZIL_OLD_MOBILE = re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})")
# Mexico dropped the 1 that mobile numbers had behind the country code; WhatsApp still gives it.
_MEXICO_OLD_MOBILE = re.compile(r"\+521([0-9]{10})")


# From abroad Argentina's mobiles are dialled with a 9 that their own numbers do not have; WhatsApp gives both forms.
# The ten digits behind it are one subscriber's in either case.
_ARGENTINA_MOBILE = re.compile(r"\+549([0-9]{10})")


class HandleType(StrEnum):
    """The kind of an address."""

    EMAIL = "email"
    PHONE = "phone"
    WHATSAPP_USER = "whatsapp_user"


@dataclass(frozen=True, slots=True, order=True)
class Handle:
    """One address in canonical form; ordered by type and value, the order in which rows are locked."""

    type: HandleType
    value: str


class WrongHandle(Exception):
    """The address has no canonical form; the message says what to give instead, without repeating it."""


def canonical(handle_type: HandleType, value: str) -> Handle:
    """Brings an address into its one canonical form; raises `WrongHandle` if it is none of that type."""
    match handle_type:
        case HandleType.EMAIL:
            return Handle(handle_type, _email(value))
        case HandleType.PHONE:
            return Handle(handle_type, _phone(value))
        case HandleType.WHATSAPP_USER:
            return Handle(handle_type, _whatsapp_user(value))


def _email(value: str) -> str:
    try:
        parts = email_validator.validate_email(
            value.strip(),
            check_deliverability=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except email_validator.EmailNotValidError as error:
        raise WrongHandle("Give one e-mail address, such as ada@example.com.") from error
    return f"{parts.local_part.lower()}@{(parts.ascii_domain or parts.domain).lower()}"


def _phone(value: str) -> str:
    text = value.strip()
    if text[: len(_WHATSAPP)].lower() == _WHATSAPP:
        text = text[len(_WHATSAPP) :]
    text = text.translate(_SEPARATORS)
    wrong = "Give a number in E.164 form with country code, such as +15550100."
    if not _E164.fullmatch(text):
        raise WrongHandle(wrong)
    try:
        e164 = _e164(text)
        # A number that loses another zero each time it is read has no form of its own.
        stable = _E164.fullmatch(e164) and _e164(e164) == e164
    except phonenumbers.NumberParseException as error:
        raise WrongHandle(wrong) from error
    if not stable:
        raise WrongHandle(wrong)
    if old := _BRAZIL_OLD_MOBILE.fullmatch(e164):
        return f"+55{old[1]}9{old[2]}"
    if old := _MEXICO_OLD_MOBILE.fullmatch(e164):
        return f"+52{old[1]}"
    if mobile := _ARGENTINA_MOBILE.fullmatch(e164):
        return f"+54{mobile[1]}"
    return e164


def _e164(text: str) -> str:
    # Whether a number is in use is the channel's knowledge: numbering plans change faster than libraries.
    number = phonenumbers.parse(text, None)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _whatsapp_user(value: str) -> str:
    text = value.strip()
    if not text or not text.isprintable() or " " in text:
        raise WrongHandle("Give WhatsApp's user id as it came, without spaces.")
    return text
