"""Decides from outside whether what was sent in was handled once, in order, by the right ledgers.

It shares no code with the services: it takes what was sent in, what the providers were handed, the
status pages and the ledgers' final rows, and compares them. The judgement is pure; `check` waits first.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from cli.outside import Outside
from drill.evidence import Evidence, Ledgers, Row, SentIn, gather, read_ledgers
from drill.hand_over import hand_over_rules, list_doubts
from drill.verdict import Fault, Problem, Verdict
from fte.intake.v1 import intake_service_pb2

# What a message may end as; each but the last two tells the customer something.
HANDLED: Final = frozenset({"answered", "escalated", "failed", "with_human", "noted"})
# What the turn's answer must be, by its outcome.
ANSWER_KINDS: Final = {"answered": "answer", "escalated": "escalation_notice", "failed": "apology"}
# Told beside any answer, in a turn of its own that takes no message.
WAIT_NOTICE: Final = "wait_notice"
QUIET_AFTER_NOTICE: Final = timedelta(minutes=10)
FINAL_INTENTS: Final = frozenset({"SENT", "REJECTED", "NEEDS_HUMAN", "CANCELLED", "PARKED"})
POLL_SECONDS: Final = 0.25
# Doubles come late: nothing may change for this long before the verdict.
QUIET_SECONDS: Final = 1.5


async def check(dsn: str, outside: Outside, sent_in: SentIn, seconds: float) -> Verdict:
    """Waits until all of it is settled and still, at most `seconds`, then judges what there is."""
    deadline = time.monotonic() + seconds
    while any(_unfinished(await read_ledgers(dsn, sent_in), sent_in)):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(POLL_SECONDS)
    last, since = await gather(dsn, outside, sent_in), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        now = await gather(dsn, outside, sent_in)
        if now != last:
            last, since = now, time.monotonic()
    return judge(last)


def judge(evidence: Evidence) -> Verdict:
    """Applies every rule to the evidence."""
    ledgers = evidence.ledgers
    doubts = list_doubts(evidence)
    problems = [
        *_unfinished(ledgers, evidence.sent_in),
        *_acceptance_rules(evidence),
        *_outcome_rules(evidence),
        *_suppression_rules(evidence),
        *_turn_rules(evidence),
        *_answer_rules(evidence),
        *_notice_rules(evidence),
        *_order_rules(evidence),
        *hand_over_rules(evidence, doubts),
        *_mail_rules(evidence),
        *_page_rules(evidence),
    ]
    return Verdict(
        problems=problems,
        messages=len(ledgers.inbox),
        turns=len({row["turn_id"] for row in ledgers.messages if row["turn_id"]}),
        answers=len({row["message_id"] for row in ledgers.answers}),
        parts=len(ledgers.answers),
        outcomes=Counter(row["outcome"] for row in ledgers.inbox if not row["suppress_reason"]),
        suppressed=Counter(
            row["suppress_reason"] for row in ledgers.inbox if row["suppress_reason"]
        ),
        doubts=doubts,
    )


def _unfinished(ledgers: Ledgers, sent_in: SentIn) -> Iterator[Problem]:
    """Names what is lost or still on its way; nothing when no more is to be expected."""
    present = {row["provider_id"] for row in ledgers.inbox}
    for one in sent_in.ids():
        if one not in present:
            yield Problem(Fault.LOST, f"{one} was accepted, but is not in the inbox")
    for row in ledgers.inbox:
        if row["state"] != "settled":
            yield Problem(Fault.LOST, f"inbox row of {row['provider_id']} is {row['state']}")
    for row in ledgers.answers:
        if row["outbox_state"] != "settled" or row["intent_state"] not in FINAL_INTENTS:
            yield Problem(
                Fault.LOST,
                f"outbox row {row['outbox_id']} is {row['outbox_state']}, "
                f"its intent {row['intent_state']}",
            )
    for row in ledgers.notices:
        if row["intent_state"] not in FINAL_INTENTS:
            yield Problem(Fault.OTHER, f"notice {row['intent_id']} is {row['intent_state']}")


def _acceptance_rules(evidence: Evidence) -> Iterator[Problem]:
    """One message is one row; what was never accepted is not there; nobody else writes."""
    sent_in = evidence.sent_in
    for text in sent_in.contradictions:
        yield Problem(Fault.OTHER, text)
    copies = Counter(row["provider_id"] for row in evidence.ledgers.inbox)
    for one, count in copies.items():
        if count > 1:
            yield Problem(Fault.DOUBLED, f"{one} is {count} messages in the inbox")
    known = {*sent_in.ids(), *sent_in.in_doubt}
    forms: Counter[str] = Counter()
    for row in evidence.ledgers.inbox:
        if row["provider_id"] in sent_in.refused:
            yield Problem(
                Fault.OTHER, f"{row['provider_id']} was never accepted, but is in the inbox"
            )
        elif row["provider_id"] not in known:
            subject = _subject(row)
            forms[subject] += 1
            if row["channel"] != "web_form" or subject not in sent_in.forms_in_doubt:
                yield Problem(Fault.OTHER, f"nobody sent {row['channel']} {row['provider_id']}")
    for subject, count in forms.items():
        if count > 1:
            yield Problem(Fault.DOUBLED, f"form {subject!r} is {count} messages in the inbox")


def _outcome_rules(evidence: Evidence) -> Iterator[Problem]:
    """Each message that a person wrote has an outcome, and the agent holds the same."""
    agent = {row["message_id"]: row for row in evidence.ledgers.messages}
    handed = _handed(evidence.ledgers.messages)
    for row in evidence.ledgers.inbox:
        if row["suppress_reason"]:
            continue
        name = f"{row['channel']} {row['provider_id']}"
        if row["outcome"] not in HANDLED:
            yield Problem(Fault.LOST, f"{name} ended as {row['outcome']}")
        held = agent.get(row["inbox_id"])
        if (
            row["outcome"] == "answered"
            and row["provider_id"] in evidence.sent_in.for_a_person
            and not (held and _has_person(held, handed))
        ):
            yield Problem(Fault.OTHER, f"{name} was for a person, but was answered")
        if held is None:
            yield Problem(Fault.LOST, f"{name} is unknown to the agent")
        elif held["outcome"] != row["outcome"]:
            yield Problem(
                Fault.OTHER,
                f"{name} is {row['outcome']} for intake and {held['outcome']} for the agent",
            )


def _handed(messages: Iterable[Row]) -> dict[UUID, datetime]:
    """Returns since when a person has something of each conversation."""
    handed: dict[UUID, datetime] = {}
    for row in messages:
        if row["outcome"] in ("escalated", "with_human", "failed") and row["end_time"]:
            conversation = row["conversation_id"]
            handed[conversation] = min(row["end_time"], handed.get(conversation, row["end_time"]))
    return handed


def _has_person(row: Row, handed: Mapping[UUID, datetime]) -> bool:
    """Tells whether a person had the conversation before: the customer is told so, once more."""
    since = handed.get(row["conversation_id"])
    return since is not None and row["end_time"] is not None and since < row["end_time"]


def _suppression_rules(evidence: Evidence) -> Iterator[Problem]:
    """Automatic mail gets no turn, everything else does."""
    automatic, held = (
        evidence.sent_in.automatic,
        {r["message_id"] for r in evidence.ledgers.messages},
    )
    for row in evidence.ledgers.inbox:
        name = f"{row['channel']} {row['provider_id']}"
        if row["suppress_reason"] and row["provider_id"] not in automatic:
            yield Problem(Fault.OTHER, f"{name} was suppressed as {row['suppress_reason']}")
        if row["provider_id"] in automatic and not row["suppress_reason"]:
            yield Problem(Fault.OTHER, f"{name} is automatic, but ended as {row['outcome']}")
        if row["suppress_reason"] and row["inbox_id"] in held:
            yield Problem(Fault.OTHER, f"{name} was suppressed, but the agent holds it")


def _turn_rules(evidence: Evidence) -> Iterator[Problem]:
    """Each message belongs to one turn that counted, and no message to two."""
    for row in evidence.ledgers.messages:
        # A batch that was given up closes its turn as failed, with an apology.
        wanted = "failed" if row["outcome"] == "failed" else "committed"
        if row["turn_id"] is None or row["turn_state"] != wanted:
            yield Problem(
                Fault.LOST, f"message {row['message_id']} is in a turn that is {row['turn_state']}"
            )
    held = Counter(one for row in evidence.ledgers.turns for one in row["message_ids"])
    ours = {row["message_id"] for row in evidence.ledgers.messages}
    for one, count in held.items():
        if count > 1 and one in ours:
            yield Problem(Fault.DOUBLED, f"message {one} is in {count} committed turns")


def _answer_rules(evidence: Evidence) -> Iterator[Problem]:
    """A turn that counted gave one answer of its outcome's kind; one that a person took over gave none."""
    answers: dict[UUID, dict[UUID, str | None]] = defaultdict(dict)
    for row in evidence.ledgers.answers:
        answers[row["turn_id"]][row["message_id"]] = row["kind"]
        if row["outbox_id"] is None:
            yield Problem(Fault.LOST, f"answer {row['message_id']} has nothing to send")
    outcomes: dict[UUID, set[str | None]] = defaultdict(set)
    for row in evidence.ledgers.messages:
        if row["turn_id"]:
            outcomes[row["turn_id"]].add(row["outcome"])
    for turn, found in outcomes.items():
        if len(found) > 1:
            yield Problem(Fault.OTHER, f"turn {turn} has the outcomes {sorted(map(str, found))}")
        wanted = 0 if found <= {"with_human", "noted"} else 1
        count = len(answers[turn])
        if count != wanted:
            fault = Fault.DOUBLED if count > wanted else Fault.LOST
            yield Problem(fault, f"turn {turn} gave {count} answers")
        allowed = {ANSWER_KINDS.get(outcome or "") for outcome in found} | {None}
        for kind in set(answers[turn].values()) - allowed:
            yield Problem(Fault.OTHER, f"turn {turn} ended as {found}, but sent: {kind}")


def _notice_rules(evidence: Evidence) -> Iterator[Problem]:
    """Who writes too fast is told to wait once, whatever dies meanwhile."""
    told: dict[UUID, list[datetime]] = defaultdict(list)
    for row in evidence.ledgers.answers:
        if row["kind"] == WAIT_NOTICE and row["final_time"]:
            told[row["conversation_id"]].append(row["final_time"])
    for conversation, times in told.items():
        if any(later - earlier < QUIET_AFTER_NOTICE for earlier, later in pairwise(sorted(times))):
            yield Problem(Fault.DOUBLED, f"conversation {conversation} was told to wait twice")


def _order_rules(evidence: Evidence) -> Iterator[Problem]:
    """No gap in a handle's numbers, no later number in an earlier turn, parts handed over in order."""
    turns = {row["message_id"]: row["end_time"] for row in evidence.ledgers.messages}
    handles: dict[UUID, list[Row]] = defaultdict(list)
    for row in evidence.ledgers.inbox:
        if row["handle_id"] is not None:
            handles[row["handle_id"]].append(row)
    for rows in handles.values():
        rows.sort(key=lambda row: int(row["inbox_seq"]))
        numbers = [row["inbox_seq"] for row in rows]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            yield Problem(Fault.OTHER, f"{rows[0]['sender']} has the numbers {numbers}")
        ends = [turns.get(row["inbox_id"]) for row in rows]
        if any(a is not None and b is not None and a > b for a, b in pairwise(ends)):
            yield Problem(
                Fault.ORDER, f"{rows[0]['sender']}: a later message was answered before an earlier"
            )
    place = {one.provider_id: at for at, one in enumerate([*evidence.mails, *evidence.parts])}
    lanes: dict[tuple[UUID, str], list[Row]] = defaultdict(list)
    for row in evidence.ledgers.answers:
        lanes[(row["conversation_id"], row["channel"])].append(row)
    for (conversation, channel), rows in lanes.items():
        places = [place[row["provider_id"]] for row in rows if row["provider_id"] in place]
        if places != sorted(places):
            yield Problem(
                Fault.ORDER, f"conversation {conversation} was sent out of order on {channel}"
            )


def _mail_rules(evidence: Evidence) -> Iterator[Problem]:
    """An answer by mail replies to a mail of its turn, in that mail's thread; none replies to a machine."""
    turn_of = {row["message_id"]: row["turn_id"] for row in evidence.ledgers.messages}
    turns: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for row in evidence.ledgers.inbox:
        written, _ = evidence.sent_in.mails.get(row["provider_id"], (None, ""))
        if written and (turn := turn_of.get(row["inbox_id"])):
            turns[turn].add((written.thread_id, written.message_id))
    answers = {row["provider_id"]: row for row in evidence.ledgers.answers if row["provider_id"]}
    automatic = {
        mail.message_id
        for key, (mail, _) in evidence.sent_in.mails.items()
        if key in evidence.sent_in.automatic
    }
    for mail in evidence.mails:
        if mail.in_reply_to in automatic:
            yield Problem(Fault.OTHER, f"{mail.to}: a mail replies to an automatic one")
        answer = answers.get(mail.provider_id)
        if not answer or answer["kind"] == WAIT_NOTICE:
            continue
        if (mail.thread_id, mail.in_reply_to) not in turns[answer["turn_id"]]:
            yield Problem(Fault.OTHER, f"{mail.to}: an answer is no reply to a mail of its turn")


def _page_rules(evidence: Evidence) -> Iterator[Problem]:
    """Every form's page shows what the customer wrote and what we said, each once."""
    messages = {row["message_id"]: row for row in evidence.ledgers.messages}
    sent = {row["turn_id"] for row in evidence.ledgers.answers if row["intent_state"] == "SENT"}
    turn_of = {
        row["provider_id"]: messages[row["inbox_id"]]["turn_id"]
        for row in evidence.ledgers.inbox
        if row["inbox_id"] in messages
    }
    for key, lines in evidence.pages.items():
        roles = Counter("customer" if line.role == "customer" else "ours" for line in lines)
        wanted = {"customer": 1, "ours": 1 if turn_of.get(key) in sent else 0}
        if {name: roles[name] for name in wanted} != wanted:
            doubled = any(roles[name] > wanted[name] for name in wanted)
            fault = Fault.DOUBLED if doubled else Fault.LOST
            yield Problem(fault, f"page of ticket {key} shows {dict(roles)}")


def _subject(row: Row) -> str:
    return intake_service_pb2.InboundMessage.FromString(row["content"]).subject
