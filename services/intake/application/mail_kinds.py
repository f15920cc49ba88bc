"""Which mails get no turn: our own, delivery reports, automatic ones, lists and no-reply senders.

The order of the questions is the order of their certainty; the first that applies names the reason.
"""

import re
from collections.abc import Set as AbstractSet

from services.intake.application.mail import Mail
from services.intake.application.messages import SuppressReason

OWN_HEADER = "x-fte-intent"
_OWN_LABELS = frozenset(("SENT", "DRAFT"))
_REPORTERS = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon)@", re.IGNORECASE)
_REPORTS = frozenset(("multipart/report", "message/delivery-status"))
_BULK = frozenset(("bulk", "junk", "auto_reply"))
_NO_REPLY = re.compile(
    r"(?:no|not|non|donot|do-not|do_not|dont|ne-pas)[-_.]?(?:reply|replies|response|repondre)"
    r"(?:[-_.+][^@]*)?@",
    re.IGNORECASE,
)


def suppress_reason(
    mail: Mail, labels: AbstractSet[str], our_address: str
) -> SuppressReason | None:
    """Returns why a mail must not be answered, or None if a person seems to wait for an answer."""
    if mail.sender == our_address.lower() or labels & _OWN_LABELS or mail.header(OWN_HEADER):
        return SuppressReason.OWN_MESSAGE
    if _is_report(mail):
        return SuppressReason.BOUNCE
    automatic = _automatic(mail)
    if automatic is not None:
        return automatic
    if _NO_REPLY.match(mail.sender):
        return SuppressReason.NO_REPLY
    if not mail.sender:
        return SuppressReason.NO_SENDER
    return None


def _is_report(mail: Mail) -> bool:
    return (
        mail.header("return-path").replace(" ", "") == "<>"
        or mail.content_type in _REPORTS
        or mail.has_delivery_report
        or _REPORTERS.match(mail.sender) is not None
    )


def _automatic(mail: Mail) -> SuppressReason | None:
    submitted = mail.header("auto-submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return SuppressReason.AUTO_REPLY
    if mail.header("x-autoreply") or mail.header("x-autorespond"):
        return SuppressReason.AUTO_REPLY
    if mail.header("x-auto-response-suppress").strip().lower() not in ("", "none"):
        return SuppressReason.AUTO_REPLY
    precedence = mail.header("precedence").strip().lower()
    if precedence in _BULK:
        return SuppressReason.AUTO_REPLY
    if precedence == "list" or mail.header("list-id") or mail.header("list-unsubscribe"):
        return SuppressReason.MAILING_LIST
    if mail.header("feedback-id"):
        return SuppressReason.MAILING_LIST
    return None
