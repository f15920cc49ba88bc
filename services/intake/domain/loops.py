"""Ends conversations of machines that do not say what they are: too many mails, or ever the same one.

A responder without the headers of RFC 3834 can only be told by what it does. It answers each of our answers, so mails
come fast; it says the same each time, but for numbers and dates; and it may write from another address each time. So
mails are counted by sender, by thread and by domain, and their words are compared with those that came before.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

SHORT = timedelta(minutes=10)
LONG = timedelta(hours=24)
# Mails that may be answered: of one counterparty, in one thread, and of one domain by those who answer us without ever
# having written. The last is how a machine looks that writes from another address each time.
MOST_SHORT = 5
MOST_LONG = 20
# How many alike mails are answered: of one sender or thread, and of all who answer us.
ALIKE_NEAR = 3
ALIKE_ANYWHERE = 5
COMPARED = 200

_ALIKE = 0.6
_SAMPLES = 16
_SHINGLE = 3
# Short questions are alike among people.
_FEWEST_WORDS = 12
_CHARACTERS = 4_000
_WORD = re.compile(r"[^\W\d_]{2,}")
# Domains at which anybody can have an address: their mails have nothing in common.
_PUBLIC = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com aol.com icloud.com me.com "  # noqa: SIM905
    "mac.com proton.me protonmail.com gmx.de gmx.net gmx.com web.de t-online.de freenet.de orange.fr wanadoo.fr free.fr "
    "sfr.fr laposte.net libero.it virgilio.it tiscali.it alice.it uol.com.br bol.com.br terra.com.br mail.ru yandex.ru "
    "ya.ru bk.ru list.ru inbox.ru rambler.ru qq.com 163.com 126.com sina.com naver.com daum.net hanmail.net "
    "yahoo.co.jp docomo.ne.jp ezweb.ne.jp softbank.ne.jp rediffmail.com comcast.net verizon.net att.net btinternet.com "
    "sky.com seznam.cz wp.pl onet.pl o2.pl interia.pl abv.bg ukr.net walla.co.il zoho.com fastmail.com hey.com tutanota.com "
    "yahoo.co.uk yahoo.fr yahoo.de yahoo.es yahoo.it yahoo.com.br hotmail.co.uk hotmail.fr hotmail.it hotmail.es "
    "outlook.de outlook.fr outlook.es live.fr live.nl ziggo.nl kpnmail.nl telenet.be bluewin.ch telia.com".split()
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail that a person seems to have written; `print_of` is what its words leave, to be compared.

    `answers` says that it seems to answer a mail of ours.
    """

    mailbox: str
    provider_id: str
    sender: str = field(repr=False)
    thread_id: str = ""
    answers: bool = False
    print_of: tuple[int, ...] = ()

    @property
    def domain(self) -> str:
        """The sender's domain, empty for one that anybody can have an address at."""
        name = self.sender.rpartition("@")[2]
        return "" if name in _PUBLIC else name


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came before a mail: counts within ten minutes and within a day, and the prints of a day.

    `strangers` counts mails of the domain that answered us from an address which had never written. `near` are the
    prints of the same sender, thread or, among answers, domain; `anywhere` those of all answers within ten minutes.
    """

    sender: tuple[int, int] = (0, 0)
    thread: tuple[int, int] = (0, 0)
    strangers: tuple[int, int] = (0, 0)
    near: Sequence[Sequence[int]] = ()
    anywhere: Sequence[Sequence[int]] = ()


class Loop(StrEnum):
    """By what a loop was seen."""

    SENDER = "too many mails of one sender"
    THREAD = "too many mails in one thread"
    DOMAIN = "too many new senders of one domain"
    ALIKE = "ever the same mail"


def loop_of(arrival: Arrival, traffic: Traffic) -> Loop | None:
    """Returns by what a mail is seen to be one of a loop, None if it is to be answered."""
    if _alike(arrival, traffic.near) >= ALIKE_NEAR:
        return Loop.ALIKE
    if arrival.answers and _alike(arrival, traffic.anywhere) >= ALIKE_ANYWHERE:
        return Loop.ALIKE
    for loop, counts in (
        (Loop.SENDER, traffic.sender),
        (Loop.THREAD, traffic.thread),
        (Loop.DOMAIN, traffic.strangers if arrival.answers else (0, 0)),
    ):
        if counts[0] >= MOST_SHORT or counts[1] >= MOST_LONG:
            return loop
    return None


def _alike(arrival: Arrival, others: Sequence[Sequence[int]]) -> int:
    return sum(likeness(arrival.print_of, one) >= _ALIKE for one in others)


def print_of(text: str) -> tuple[int, ...]:
    """Returns a MinHash of the text's groups of three words (Broder 1997), empty for a text of few words.

    Numbers are left out: a ticket's number and a date are what differs between the mails of a machine.
    """
    words = [word.lower() for word in _WORD.findall(text[:_CHARACTERS])]
    if len(words) < _FEWEST_WORDS:
        return ()
    groups = {" ".join(words[n : n + _SHINGLE]) for n in range(len(words) - _SHINGLE + 1)}
    digests = [
        hashlib.blake2b(group.encode(), digest_size=_SAMPLES * 4).digest() for group in groups
    ]
    return tuple(
        min(int.from_bytes(digest[n * 4 : n * 4 + 4]) for digest in digests)
        for n in range(_SAMPLES)
    )


def likeness(one: Sequence[int], other: Sequence[int]) -> float:
    """Estimates which share of their groups of words two texts have in common, from 0 to 1."""
    if not one or len(one) != len(other):
        return 0.0
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
