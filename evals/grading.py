"""Grades a conversation by its effects alone: what the customer received, and what stands in the ledgers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from evals.doors import Received
from evals.grounding import Documents
from evals.play import Conversation, Exchange
from evals.scenario import UNANSWERED, Channel, Expect
from evals.speech import (
    CHANNELS,
    CONTINUING,
    EMPATHY,
    GREETING,
    MONEY,
    PERSON,
    SIGNATURE,
    fold,
    speaks,
)

_MARKS: Final = re.compile(r"[*_`]")
_REFERENCE: Final = re.compile(r"\bFTE-[0-9A-Z]{8}\b")
_LINK: Final = re.compile(r"https?://\S+")
_STEP: Final = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)
_PART_MOST: Final = 300
_PARTS_MOST: Final = 4
_CHAT_MOST: Final = 500
_MAIL_WORDS: Final = 500
_WEB_CHARACTERS: Final = 1000
_WEB_WORDS: Final = 300
_HEAD: Final = 250
_ESCALATED: Final = frozenset({"escalated"})
_GOING: Final = frozenset({"open", "in_progress", "resolved"})

Row = Mapping[str, Any]


def grade(conversation: Conversation, documents: Documents) -> list[str]:
    """Returns what is wrong with a conversation, a sentence each; none if everything is as it must be."""
    faults = [f"not played to its end: {conversation.broken}"] if conversation.broken else []
    said: list[str] = []
    for place, exchange in enumerate(conversation.exchanges, start=1):
        said += [*exchange.said, exchange.subject or ""]
        known = "\n".join(said)
        faults += [
            f"move {place}: {fault}"
            for fault in _exchange_faults(conversation, exchange, documents, known)
        ]
    return [*faults, *_ticket_faults(conversation)]


def _exchange_faults(
    conversation: Conversation, exchange: Exchange, documents: Documents, known: str
) -> Iterator[str]:
    expect = exchange.move.expect
    yield from _number_faults(exchange)
    yield from _escalation_faults(exchange, expect)
    texts = [one.body for one in _here(exchange)]
    if not texts:
        return
    whole = "\n".join(texts)
    handed_over = bool(exchange.effects.escalations)
    if money := MONEY.search(whole):
        yield f"an amount of money is stated: {money[0]}"
    yield from _content_faults(expect, whole, handed_over=handed_over)
    answers = "\n\n".join(row["content"] for row in exchange.effects.answers if row["role"] == "ai")
    yield from documents.invented(answers, known)
    if handed_over and documents.quotes(whole):
        yield "a person takes over, but the question is answered too"
    yield from _language_faults(conversation, exchange, documents, answers)
    yield from _continuity_faults(exchange, texts)
    yield from _form_faults(conversation, exchange)


def _here(exchange: Exchange) -> list[Received]:
    """What came on the channel that the customer wrote on."""
    return [one for one in exchange.received if one.channel is exchange.move.channel]


def _number_faults(exchange: Exchange) -> Iterator[str]:
    """One answer for each batch, each of its parts handed to the customer once and in order."""
    least, most = exchange.move.expect.answers
    answers = exchange.effects.answers
    if not least <= len(answers) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        yield f"{len(answers)} answers, {wanted} wanted"
    elsewhere = [row["channel"] for row in answers if row["channel"] != exchange.move.channel]
    if elsewhere:
        yield f"answered on {', '.join(elsewhere)}"
    parts = [part for row in answers for part in row["parts"]]
    received = _here(exchange)
    stray = len(exchange.received) - len(received)
    # Who filled in a form is told by mail that an answer is there, once a day.
    if stray > (exchange.move.channel is Channel.WEB_FORM):
        yield f"{stray} texts came on another channel"
    bodies = [" ".join(one.body.split()) for one in received]
    if len(received) != len(parts):
        yield f"{len(received)} parts were received, {len(parts)} were sent"
    elif exchange.move.channel is not Channel.WEB_FORM and bodies != [
        " ".join(part.split()) for part in parts
    ]:
        yield "the parts came in another order or with other words than they were sent"
    if len(set(bodies)) != len(bodies):
        yield "the same text came twice"
    if exchange.effects.outcomes.get("failed"):
        yield "a message could not be processed"


def _escalation_faults(exchange: Exchange, expect: Expect) -> Iterator[str]:
    given = [row["reason"] for row in exchange.effects.escalations]
    allowed = expect.escalation | (UNANSWERED if expect.or_person else frozenset())
    if len(given) > 1:
        yield f"{len(given)} escalations"
    wrong = [reason for reason in given if reason not in allowed]
    if wrong:
        wishes = [*sorted(expect.escalation), *["no escalation"] * expect.may_answer]
        yield f"escalated for {wrong[0]}, {' or '.join(wishes)} wanted"
    if not given and not expect.may_answer:
        yield f"not escalated; {' or '.join(sorted(expect.escalation))} wanted"
    urgencies = {row["urgency"] for row in exchange.effects.escalations}
    if given and expect.urgency and not urgencies <= expect.urgency:
        yield f"urgency {', '.join(urgencies)}, {' or '.join(sorted(expect.urgency))} wanted"


def _content_faults(expect: Expect, whole: str, *, handed_over: bool) -> Iterator[str]:
    plain = _plain(whole)
    offered = expect.or_person and (handed_over or PERSON.search(fold(whole)))
    if not handed_over and not offered:
        for wordings in expect.facts:
            if not any(_stands(_plain(wording), plain) for wording in wordings):
                yield f"the answer lacks {' | '.join(wordings)}"
    for text in expect.absent:
        if _plain(text) in plain:
            yield f"the answer says {text!r}"
    if expect.asks and not handed_over and "?" not in whole:
        yield "no question is asked back"
    if expect.empathy and not handed_over and not EMPATHY.search(fold(whole)):
        yield "no word of understanding"
    if expect.most and not handed_over and len(whole) > expect.most:
        yield f"{len(whole)} characters, at most {expect.most} wanted"
    if handed_over and not PERSON.search(fold(whole)):
        yield "the notice does not say that a person takes over"


def _language_faults(
    conversation: Conversation, exchange: Exchange, documents: Documents, answers: str
) -> Iterator[str]:
    """What the system says in its own words is in the customer's language; what it quotes may be as it stands."""
    language = conversation.scenario.language
    own = documents.own_words(answers) if answers else ""
    notices = [row["content"] for row in exchange.effects.answers if row["role"] != "ai"]
    frames = [documents.own_words(one.body) for one in _here(exchange)]
    for text in (own, *notices, *frames):
        if not speaks(text, language):
            yield f"not in {language}: {' '.join(text.split())[:80]!r}"
            return


def _continuity_faults(exchange: Exchange, texts: Sequence[str]) -> Iterator[str]:
    expected = exchange.move.expect.continues
    head = fold(texts[0][:_HEAD])
    if expected is not None:
        if not (CONTINUING.search(head) and CHANNELS[expected].search(head)):
            yield f"it does not say that it continues from {expected}"
        return
    lines = [line for line in head.splitlines() if CONTINUING.search(line)]
    others = [name for name in CHANNELS if name != exchange.move.channel]
    if any(CHANNELS[name].search(line) for line in lines for name in others):
        yield "it says that it continues from another channel, which it does not"


def _form_faults(conversation: Conversation, exchange: Exchange) -> Iterator[str]:
    by_ai = any(row["role"] == "ai" for row in exchange.effects.answers)
    received = _here(exchange)
    match exchange.move.channel:
        case Channel.EMAIL:
            for mail in received:
                yield from _mail_faults(conversation, mail)
        case Channel.WHATSAPP:
            yield from _chat_faults([one.body for one in received], by_ai=by_ai)
        case Channel.WEB_FORM:
            for line in received:
                yield from _web_faults(line.body, by_ai=by_ai)


def _mail_faults(conversation: Conversation, mail: Received) -> Iterator[str]:
    folded = fold(mail.body.strip())
    if not GREETING.match(folded):
        yield f"the mail has no greeting: {folded[:40]!r}"
    if not SIGNATURE.search(folded):
        yield "the mail has no signature"
    if not _REFERENCE.search(mail.body):
        yield "the mail has no ticket reference"
    if not mail.subject.lower().startswith("re:"):
        yield f"the subject is no reply: {mail.subject!r}"
    if mail.in_reply_to not in conversation.mails:
        yield "the mail is no reply to the customer's"
    if len(mail.body.split()) > _MAIL_WORDS:
        yield f"the mail has {len(mail.body.split())} words"


def _chat_faults(parts: Sequence[str], *, by_ai: bool) -> Iterator[str]:
    if len(parts) > _PARTS_MOST:
        yield f"{len(parts)} parts"
    for part in parts:
        if len(part) > _PART_MOST and not any(
            len(link) > _PART_MOST for link in _LINK.findall(part)
        ):
            yield f"a part of {len(part)} characters"
    whole = "\n".join(parts)
    if len(whole) >= _CHAT_MOST and len(_STEP.findall(whole)) < 2:  # noqa: PLR2004 - one is no list
        yield f"{len(whole)} characters without steps"
    if by_ai and parts and not PERSON.search(fold(parts[-1])):
        yield "no hint how to reach a person"


def _web_faults(text: str, *, by_ai: bool) -> Iterator[str]:
    if len(text) > _WEB_CHARACTERS or len(text.split()) > _WEB_WORDS:
        yield f"{len(text)} characters, {len(text.split())} words on the web"
    if by_ai and not _LINK.search(text):
        yield "no link to the help portal"
    if "**" in text:
        yield "the marks of Markdown are shown as they are"


def _ticket_faults(conversation: Conversation) -> Iterator[str]:
    """The ticket is there, and is what the scenario wants; without a wish: escalated exactly if it was."""
    if not conversation.exchanges:
        return
    tickets = conversation.effects.tickets
    if not tickets:
        yield "no ticket was made"
        return
    ticket, wanted = tickets[-1], conversation.scenario.ticket
    escalated = bool(conversation.exchanges[-1].effects.escalations)
    ever = bool(conversation.effects.escalations)
    status = wanted.status or (_ESCALATED if escalated else _GOING | _ESCALATED if ever else _GOING)
    for name, allowed in (
        ("status", status),
        ("category", wanted.category),
        ("priority", wanted.priority),
    ):
        if allowed and ticket[name] not in allowed:
            yield f"the ticket's {name} is {ticket[name]}, {' or '.join(sorted(allowed))} wanted"


def _stands(wording: str, text: str) -> bool:
    """A wording stands in a text as whole words; 50 does not stand in 150, but seat does in seats."""
    before = r"(?<!\w)" if wording[:1].isalnum() else ""
    after = r"(?![\w,.]?\d)" if wording[-1:].isdigit() else ""
    return re.search(before + re.escape(wording) + after, text) is not None


def _plain(text: str) -> str:
    return " ".join(_MARKS.sub("", fold(text)).split())
