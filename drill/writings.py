"""Owns who writes what, when, in a drill: drawn from a seed with all due times fixed in advance. Pure."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from drill.history import Wish

# People 0 to 199 write on WhatsApp, 160 to 299 by mail: 160 to 199 are one person on both. Forms
# come from people of their own, and from some of those.
ON_WHATSAPP: Final = range(200)
BY_MAIL: Final = range(160, 300)
ON_BOTH: Final = range(160, 200)
BY_FORM: Final = range(280, 400)

# What arrives together: a burst on WhatsApp, one or two mails, one form.
_ARRIVALS: Final = {"whatsapp": 0.66, "email": 0.20, "web_form": 0.14}
_BURSTS: Final = {1: 0.10, 2: 0.15, 3: 0.3, 4: 0.25, 5: 0.20}
_MAILS: Final = {1: 0.75, 2: 0.25}
_BURST_GAP_SECONDS: Final = (0.1, 0.9)
# The cap is five mails within ten minutes; two may come at once, and the clocks of both sides differ a little.
_MAILS_IN_SPAN: Final = 3
_MAIL_SPAN_SECONDS: Final = 660.0
_MAIL_GAP_SECONDS: Final = (0.3, 2.0)
# A provider calls again although it was answered, sooner or later.
_COPIES: Final = {1: 0.75, 2: 0.15, 3: 0.10}
_COPY_SECONDS: Final = (0.0, 4.0)
# Webhooks overtake each other.
_OVERTAKEN_SHARE: Final = 0.15
_OVERTAKEN_SECONDS: Final = (0.5, 1.5)
# The rest of the WhatsApp webhooks are posted by the drill itself.
_SIMULATED_SHARE: Final = 0.2
_FOLLOWING_SHARE: Final = 0.5
_AUTOMATIC_SHARE: Final = 0.12
_PERSON_SHARE: Final = 0.07

QUESTIONS: Final = (
    "How do I reset my password?",
    "How do I export my data?",
    "How do I add users to our workspace?",
    "How do I create an API key?",
    "How do I connect Slack?",
    "Which browsers are supported?",
    "How do I turn on two-factor authentication?",
)
FOR_A_PERSON: Final = (
    "What would the Pro plan cost us?",
    "Can I talk to a real person, please?",
    "I want my money back.",
)
# Headers of mail that no person wrote.
AUTOMATIC: Final = (
    {"Auto-Submitted": "auto-replied"},
    {"Precedence": "bulk"},
    {"List-Id": "<news.example.com>", "Precedence": "list"},
)


class Way(StrEnum):
    """How a message comes in."""

    WEBHOOK = "webhook"
    SIMULATOR = "simulator"
    MAIL = "email"
    FORM = "web_form"


@dataclass(frozen=True, slots=True)
class Writing:
    """One message: due at `at` seconds from the start, repeated after each of `repeats` seconds more.

    `follows` says that a mail goes on in its writer's last thread; `headers` mark automatic mail.
    """

    number: int
    at: float
    way: Way
    person: int
    text: str
    wish: Wish
    repeats: tuple[float, ...] = ()
    follows: bool = False
    headers: tuple[tuple[str, str], ...] = ()


def plan(seed: int, seconds: float, rate: float) -> tuple[Writing, ...]:
    """Draws the messages of a Poisson process of `rate` a second; same seed, same writings."""
    draw = random.Random(f"writings {seed}")  # noqa: S311 - repeatable, not secret
    arrivals_per_second = rate / _messages_per_arrival()
    writings: list[Writing] = []
    mailed: dict[int, list[float]] = {}
    at = 0.0
    while True:
        at += draw.expovariate(arrivals_per_second)
        if at >= seconds:
            return tuple(sorted(writings, key=lambda writing: writing.at))
        [channel] = draw.choices(tuple(_ARRIVALS), weights=tuple(_ARRIVALS.values()))
        first = len(writings)
        match channel:
            case "whatsapp":
                writings += _burst(draw, first, at)
            case "email":
                person = _who_mails(draw, mailed, at)
                mails = _mails(draw, first, at, person)
                mailed.setdefault(person, []).extend(mail.at for mail in mails)
                writings += mails
            case _:
                text, wish = _text(draw)
                person, repeats = draw.choice(BY_FORM), _repeats(draw)
                writings.append(Writing(first, at, Way.FORM, person, text, wish, repeats))


def _messages_per_arrival() -> float:
    burst = sum(size * share for size, share in _BURSTS.items())
    mails = sum(size * share for size, share in _MAILS.items())
    return _ARRIVALS["whatsapp"] * burst + _ARRIVALS["email"] * mails + _ARRIVALS["web_form"]


def _burst(draw: random.Random, first: int, at: float) -> list[Writing]:
    [size] = draw.choices(tuple(_BURSTS), weights=tuple(_BURSTS.values()))
    way = Way.SIMULATOR if draw.random() < _SIMULATED_SHARE else Way.WEBHOOK
    person = draw.choice(ON_WHATSAPP)
    burst = []
    for nth in range(size):
        text, wish = _text(draw)
        late = draw.uniform(*_OVERTAKEN_SECONDS) if draw.random() < _OVERTAKEN_SHARE else 0.0
        repeats = _repeats(draw) if way is Way.WEBHOOK else ()
        burst.append(Writing(first + nth, at + late, way, person, text, wish, repeats))
        at += draw.uniform(*_BURST_GAP_SECONDS)
    return burst


def _who_mails(draw: random.Random, mailed: dict[int, list[float]], at: float) -> int:
    """Draws who writes by mail, and no one so often that they would be taken for a machine in a loop."""
    person = draw.choice(BY_MAIL)
    for _ in BY_MAIL:
        if sum(time > at - _MAIL_SPAN_SECONDS for time in mailed.get(person, ())) <= _MAILS_IN_SPAN:
            break
        person = draw.choice(BY_MAIL)
    return person


def _mails(draw: random.Random, first: int, at: float, person: int) -> list[Writing]:
    if draw.random() < _AUTOMATIC_SHARE:
        headers = tuple(draw.choice(AUTOMATIC).items())
        text = "This is an automatic message."
        return [Writing(first, at, Way.MAIL, person, text, Wish.SILENCE, headers=headers)]
    [size] = draw.choices(tuple(_MAILS), weights=tuple(_MAILS.values()))
    follows = draw.random() < _FOLLOWING_SHARE
    mails = []
    for nth in range(size):
        text, wish = _text(draw)
        mails.append(Writing(first + nth, at, Way.MAIL, person, text, wish, follows=follows))
        at += draw.uniform(*_MAIL_GAP_SECONDS)
        follows = True
    return mails


def _text(draw: random.Random) -> tuple[str, Wish]:
    if draw.random() < _PERSON_SHARE:
        return draw.choice(FOR_A_PERSON), Wish.PERSON
    return draw.choice(QUESTIONS), Wish.ANSWER


def _repeats(draw: random.Random) -> tuple[float, ...]:
    [copies] = draw.choices(tuple(_COPIES), weights=tuple(_COPIES.values()))
    return tuple(round(draw.uniform(*_COPY_SECONDS), 3) for _ in range(copies - 1))
