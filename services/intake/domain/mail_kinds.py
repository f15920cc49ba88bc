"""What sent a mail: a person, ourselves, a machine that reports on deliveries, another machine, or a list.

The order of the questions is the order of their certainty, and the first that applies names the reason: our own mails,
then reports (RFC 3464, 5965, 8098), then what calls itself automatic (RFC 3834 and older habits), lists (RFC 2369,
2919), and senders that nobody reads. A person who writes about such mails, or passes one on, is a person.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

from services.intake.domain.kind_words import (
    AUTOMATIC_SUBJECT,
    AWAY,
    NO_REPLY,
    REPORT_SIGNS,
    REPORT_SUBJECT,
    REPORTER_NAMES,
    REPORTERS,
)

OWN_HEADER = "x-fte-intent"
UNREAD = "from an address that nobody reads"
_OWN_LABELS = frozenset(("SENT", "DRAFT"))
_PUNCTUATION = re.compile(r"[-_.]+")
_ANGLED = re.compile(r"<([^<>]{0,400})>")
# The return address of one recipient, bounces+1234=example.com@…, and the sender of an Exchange server itself.
_RETURNED = re.compile(
    r"(?:bounces?(?:[+=][^@]{0,200})?|microsoftexchange329e[0-9a-f]+)@", re.IGNORECASE
)
_LOCAL_CHARACTERS = 64
# Of how many signs of a delivery report a text must show for one, from a sender that hides what it is.
_SIGNS = 3
_SIGNS_NAMED = 2


class MailClass(StrEnum):
    """What sent a mail."""

    HUMAN = "human"
    OWN = "own"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Letter:
    """What the kind of a mail is decided from. Header names are lower-case, `shown` is the sender as it was written."""

    sender: str = field(repr=False)
    shown: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    types: tuple[str, ...]
    method: str
    enclosed: Mapping[str, tuple[str, ...]] = field(repr=False)

    def header(self, name: str) -> str:
        """Returns the first value of a header, empty if there is none."""
        return self.headers.get(name, ("",))[0]


@dataclass(frozen=True, slots=True)
class Kind:
    """What sent a mail and by which sign that was seen; a person is what shows no sign of a machine."""

    mail_class: MailClass
    why: str


def kind_of(letter: Letter, ours: AbstractSet[str], labels: AbstractSet[str]) -> Kind:
    """Decides what sent a mail. `ours` are our own lower-case addresses, `labels` those of the mailbox."""
    for question in (_own, _report, _automatic, _list, _unread):
        found = question(letter, ours, labels)
        if found is not None:
            return found
    return Kind(MailClass.HUMAN, "no sign of a machine")


def _own(letter: Letter, ours: AbstractSet[str], labels: AbstractSet[str]) -> Kind | None:
    if letter.sender in ours:
        return Kind(MailClass.OWN, "from our own address")
    if labels & _OWN_LABELS:
        return Kind(MailClass.OWN, "sent from our own mailbox")
    if letter.header(OWN_HEADER):
        return Kind(MailClass.OWN, "carries our own header")
    return None


def _report(letter: Letter, _: AbstractSet[str], __: AbstractSet[str]) -> Kind | None:
    for kind, said in _REPORT_TYPES.items():
        if kind in letter.types:
            return Kind(MailClass.BOUNCE, said)
    if letter.header("x-failed-recipients"):
        return Kind(MailClass.BOUNCE, "names failed recipients")
    if "multipart/report" in letter.types:
        return Kind(MailClass.BOUNCE, "is a multipart/report")
    if any(name.startswith("x-hmxmr") for name in letter.enclosed):
        return Kind(MailClass.BOUNCE, "encloses a mail that a recipient complained about")
    if _is_reporter(letter):
        return Kind(MailClass.BOUNCE, "from a mail system")
    return _read_as_report(letter)


def _read_as_report(letter: Letter) -> Kind | None:
    named, signs = REPORT_SUBJECT.match(letter.subject) is not None, _signs(letter)
    # A null return path forbids an answer; a responder for an absent person may set it as well.
    if any(path.replace(" ", "") == "<>" for path in letter.headers.get("return-path", ())):
        if _says_automatic(letter) and not named and signs < _SIGNS:
            return None
        return Kind(MailClass.BOUNCE, "has an empty return path")
    if not _written_by_hand(letter) and (signs > _SIGNS or (named and signs >= _SIGNS_NAMED)):
        return Kind(MailClass.BOUNCE, "reads as a delivery report")
    return None


_REPORT_TYPES = {
    "message/delivery-status": "holds a delivery status",
    "message/global-delivery-status": "holds a delivery status",
    "message/disposition-notification": "holds a read receipt",
    "message/feedback-report": "holds an abuse report",
}


def _is_reporter(letter: Letter) -> bool:
    address = letter.sender or _address_like(letter.shown)
    paths = (path.strip(" <>") for path in letter.headers.get("return-path", ()))
    if any(_plain_local(one) in REPORTERS for one in (address, *paths)):
        return True
    if _RETURNED.match(address):
        return True
    # A name alone proves nothing of a person at an address of their own.
    return (
        not letter.sender
        and REPORTER_NAMES.match(letter.shown.partition("<")[0].strip(' "')) is not None
    )


def _address_like(shown: str) -> str:
    """Returns what stands where an address belongs, for `Mail Delivery Subsystem <MAILER-DAEMON>` has none."""
    angled = _ANGLED.findall(shown)
    return (angled[-1] or shown.partition("<")[0]) if angled else shown


def _plain_local(address: str) -> str:
    local = address.strip(' "').rpartition("@")[0] if "@" in address else address.strip(' "')
    return _PUNCTUATION.sub("", local[:_LOCAL_CHARACTERS].lower().replace(" ", ""))


def _signs(letter: Letter) -> int:
    text = letter.text[:20_000]
    return sum(sign.search(text) is not None for sign in REPORT_SIGNS)


# Headers of programs in which people write: Thunderbird, Apple's and many more, Gmail, Exchange.
_PROGRAMS = ("user-agent", "x-mailer", "x-gm-message-state", "thread-index", "x-ms-has-attach")


def _written_by_hand(letter: Letter) -> bool:
    """Whether a person's mail program sent it, or it is a reply or a mail passed on."""
    if (
        letter.header("user-agent")
        or letter.header("x-mailer")
        or letter.header("x-gm-message-state")
    ):
        return True
    return (
        re.match(
            r"\W{0,3}(?:re|fwd?|aw|wg|tr|rv|sv|vs|antw|r|i|enc|doorst|pd|odp)\s?:",
            letter.subject,
            re.IGNORECASE,
        )
        is not None
    )


def _says_automatic(letter: Letter) -> bool:
    return any(_sign(letter) for _sign in (_by_auto_submitted, _by_responder, _by_subject))


def _automatic(letter: Letter, _: AbstractSet[str], __: AbstractSet[str]) -> Kind | None:
    for sign in (
        _by_auto_submitted,
        _by_responder,
        _by_suppress,
        _by_precedence,
        _by_calendar,
        _by_dmarc_report,
        _by_subject,
    ):
        said = sign(letter)
        if said:
            return Kind(MailClass.AUTOMATIC, said)
    return None


def _by_auto_submitted(letter: Letter) -> str:
    for value in letter.headers.get("auto-submitted", ()):
        word = _COMMENT.sub("", value).partition(";")[0].strip().lower()
        if word and word != "no":
            return f"Auto-Submitted: {word[:40]}"
    return ""


_COMMENT = re.compile(r"\([^()]{0,200}\)")
# Headers that responders and machines set, whatever their value is.
_RESPONDERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoreply-from",
    "x-autoreply-domain",
    "x-autoresponse",
    "x-mail-autoreply",
    "x-auto-reply-from",
    "x-autogenerated",
    "x-vacation",
    "x-out-of-office",
    "x-cron-env",
    "x-facebook-notify",
    "x-linkedin-class",
)
# Headers that say so by their value.
_RESPONDER_VALUES = (
    ("x-apple-action", "vacation"),
    ("x-fc-machinegenerated", "true"),
    ("x-ms-exchange-generated-message-source", "mailbox rules agent"),
    ("x-ms-exchange-generated-message-source", "antispam"),
    ("x-msexchange-oof", "true"),
    ("x-autogen", "true"),
    ("delivered-to", "autoresponder"),
    ("x-mailer", "autoresponder"),
    ("x-mailer", "auto-reply"),
    ("x-mailer", "vacation"),
    ("x-postmaster-msgtype", "bounce"),
)


def _by_responder(letter: Letter) -> str:
    for name in _RESPONDERS:
        if letter.header(name).strip().lower() not in ("", "no", "false", "none", "0"):
            return f"has the header {name}"
    for name, word in _RESPONDER_VALUES:
        if word in letter.header(name).lower():
            return f"{name}: {word}"
    return ""


def _by_suppress(letter: Letter) -> str:
    # Only these two ask for no answer; DR, NDR, RN and NRN are about receipts.
    wanted = re.split(r"[\s,;]+", letter.header("x-auto-response-suppress").strip().lower())
    asked = {"all", "oof", "autoreply"}.intersection(wanted)
    if _has_list_headers(letter):
        return ""
    return "X-Auto-Response-Suppress asks for no answer" if asked else ""


def _by_precedence(letter: Letter) -> str:
    value = letter.header("precedence").strip().lower().replace("-", "_")
    if value == "bulk" and _has_list_headers(letter):
        return ""
    return f"Precedence: {value}" if value in ("bulk", "junk", "auto_reply") else ""


def _has_list_headers(letter: Letter) -> bool:
    """Whether a list sent it, which says more than that no answer is wanted."""
    return bool(letter.header("list-id") or letter.header("list-unsubscribe"))


def _by_calendar(letter: Letter) -> str:
    if letter.method in ("reply", "counter", "refresh"):
        return "is a calendar's answer"
    return ""


def _by_dmarc_report(letter: Letter) -> str:
    """An aggregate report has this subject and a compressed file (RFC 7489, section 7.2.1.1)."""
    packed = {"application/zip", "application/gzip", "application/x-gzip"}.intersection(
        letter.types
    )
    return "is a DMARC report" if packed and _DMARC_REPORT.match(letter.subject) else ""


_DMARC_REPORT = re.compile(r"\s*Report Domain:\s*\S+\s+Submitter:", re.IGNORECASE)


def _by_subject(letter: Letter) -> str:
    """A subject alone proves nothing: the mail must answer another one, or its text must say the same."""
    found = AUTOMATIC_SUBJECT.match(letter.subject)
    if found is None:
        return ""
    answers = bool(letter.header("in-reply-to") or letter.header("references"))
    behind = letter.subject[found.end() :].lstrip()
    titled = not behind or behind.startswith((":", "\uff1a"))
    if titled and (answers or AWAY.search(letter.text[:4_000])):
        return "its subject is an automatic answer's"
    return ""


def _list(letter: Letter, ours: AbstractSet[str], _: AbstractSet[str]) -> Kind | None:
    if _is_our_group(letter, ours):
        return None
    for name in (
        "list-id",
        "list-unsubscribe",
        "list-post",
        "mailing-list",
        "x-mailinglist",
        "x-mailing-list",
        "x-mlserver",
        "x-ml-name",
    ):
        if letter.header(name):
            return Kind(MailClass.LIST, f"has the header {name}")
    if letter.header("precedence").strip().lower() == "list":
        return Kind(MailClass.LIST, "Precedence: list")
    feedback = letter.header("feedback-id").strip().lower()
    # Amazon adds it to whatever passes through, a person's mail as well.
    if feedback and not feedback.endswith(":amazonses"):
        return Kind(MailClass.LIST, "has the header feedback-id")
    return None


def _is_our_group(letter: Letter, ours: AbstractSet[str]) -> bool:
    """Whether the list is our own address made a group, through which customers' mails come."""
    named = letter.header("list-post").lower() + letter.header("mailing-list").lower()
    listed = letter.header("list-id").lower()
    return any(
        re.search(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", named) is not None
        or f"<{address.replace('@', '.')}>" in listed
        for address in ours
    )


def _unread(letter: Letter, _: AbstractSet[str], __: AbstractSet[str]) -> Kind | None:
    local = letter.sender.rpartition("@")[0][:_LOCAL_CHARACTERS]
    words = [word for word in re.split(r"[-_.+=]+", local) if word]
    for start in range(len(words)):
        for end in range(start + 1, min(start + 5, len(words)) + 1):
            joined = "".join(words[start:end])
            if joined in NO_REPLY or joined.rstrip("0123456789") in NO_REPLY:
                return Kind(MailClass.AUTOMATIC, UNREAD)
    return None
