"""Which mails get no turn: our own, delivery reports, automatic ones, lists and no-reply senders."""

from collections.abc import Set as AbstractSet

from services.intake.application.mail import Mail
from services.intake.application.messages import SuppressReason
from services.intake.domain.mail_kinds import (
    OWN_HEADER,
    UNREAD,
    Kind,
    Letter,
    MailClass,
    kind_of,
)

__all__ = ["OWN_HEADER", "kind", "suppress_reason"]

_REASONS = {
    MailClass.OWN: SuppressReason.OWN_MESSAGE,
    MailClass.BOUNCE: SuppressReason.BOUNCE,
    MailClass.AUTOMATIC: SuppressReason.AUTO_REPLY,
    MailClass.LIST: SuppressReason.MAILING_LIST,
}


def kind(mail: Mail, labels: AbstractSet[str], our_address: str) -> Kind:
    """Returns what sent a mail, and why that is thought."""
    letter = Letter(
        sender=mail.sender,
        shown=mail.header("from"),
        subject=mail.subject,
        text=mail.text,
        headers=mail.headers,
        types=mail.types,
        method=mail.method,
        enclosed=mail.enclosed,
    )
    return kind_of(letter, frozenset((our_address.lower(),)), labels)


def suppress_reason(
    mail: Mail, labels: AbstractSet[str], our_address: str
) -> SuppressReason | None:
    """Returns why a mail must not be answered, or None if a person seems to wait for an answer."""
    found = kind(mail, labels, our_address)
    if found.why == UNREAD:
        return SuppressReason.NO_REPLY
    reason = _REASONS.get(found.mail_class)
    return SuppressReason.NO_SENDER if reason is None and not mail.sender else reason
