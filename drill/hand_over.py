"""Compares what the providers were handed with the intents: each part once, extra copies only as allowed.

An extra copy is allowed for an intent that was resent once after an unknown outcome; it is listed.
Everything else that is double is a violation.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cli.outside import Sent
from drill.evidence import Evidence, Row
from drill.verdict import Doubt, Fault, Problem, Settled
from fte.agent.v1 import agent_service_pb2

_DOUBTFUL: Final = frozenset({"unknown", "worker died"})


def list_doubts(evidence: Evidence) -> list[Doubt]:
    """Returns the intents with an attempt whose outcome was unknown, and how each was settled."""
    attempts: dict[str, list[Row]] = defaultdict(list)
    for row in evidence.ledgers.attempts:
        attempts[str(row["intent_id"])].append(row)
    doubts = []
    for intent_id, row in _intents(evidence).items():
        doubtful = [one for one in attempts[intent_id] if one["outcome"] in _DOUBTFUL]
        if not doubtful and not row.get("resends"):
            continue
        content = _content(row)
        doubts.append(
            Doubt(
                intent_id=intent_id,
                channel=str(row.get("channel", "email")),
                to=content.recipient.value,
                reasons=tuple(str(one["detail"] or one["outcome"]) for one in doubtful),
                settled=_settled(row, doubtful, attempts[intent_id]),
                attempts=int(row.get("attempts", 0)),
                resends=int(row.get("resends", 0)),
            )
        )
    return doubts


def hand_over_rules(evidence: Evidence, doubts: Sequence[Doubt]) -> Iterator[Problem]:
    """The providers were handed exactly what the ledgers say was sent, each part once; notes copies."""
    in_doubt = {doubt.intent_id: doubt for doubt in doubts}
    intents = _intents(evidence)
    handed = {one.provider_id: one for one in (*evidence.mails, *evidence.parts)}
    addresses = {*evidence.sent_in.addresses(), *evidence.sent_in.numbers()}
    claims: Counter[str] = Counter()
    for intent_id, row in intents.items():
        if row["intent_state"] not in ("SENT", "NEEDS_HUMAN") and not _follows_doubt(row, intents):
            # What is still open is named elsewhere.
            if row["intent_state"] in ("REJECTED", "CANCELLED", "PARKED"):
                yield Problem(Fault.LOST, f"part {intent_id} ended as {row['intent_state']}")
        elif row["intent_state"] == "NEEDS_HUMAN" and intent_id not in in_doubt:
            yield Problem(Fault.LOST, f"part {intent_id} ended as NEEDS_HUMAN without a doubt")
        if row["provider_id"]:
            claims[row["provider_id"]] += 1
        if row["intent_state"] == "SENT" and row.get("channel") != "web_form":
            yield from _missing(intent_id, row, handed, addresses)
    for provider_id, count in claims.items():
        if count > 1:
            yield Problem(Fault.OTHER, f"{count} parts claim to be {provider_id}")
    unclaimed = [one for one in handed.values() if one.provider_id not in claims]
    yield from _copies(unclaimed, intents, in_doubt)


def _missing(
    intent_id: str, row: Row, handed: Mapping[str, Sent], addresses: set[str]
) -> Iterator[Problem]:
    content = _content(row)
    to, one = content.recipient.value, handed.get(row["provider_id"])
    if one is None:
        if to in addresses:
            yield Problem(Fault.LOST, f"{to} did not get part {intent_id}, which is SENT")
    elif (one.to, _plain(one.body)) != (to, _plain(content.text)):
        yield Problem(Fault.OTHER, f"{one.to} got something else than part {intent_id} says")


def _copies(
    unclaimed: Sequence[Sent], intents: Mapping[str, Row], in_doubt: Mapping[str, Doubt]
) -> Iterator[Problem]:
    """Books each handed message that no intent claims on a resent intent of the same text, if there is one."""
    open_doubts: dict[tuple[str, str], list[tuple[Doubt, int]]] = defaultdict(list)
    for intent_id, doubt in in_doubt.items():
        content = _content(intents[intent_id])
        # What nobody could settle may have been sent once without our knowing its name.
        unnamed = 0 if intents[intent_id]["provider_id"] else 1
        allowed = min(doubt.resends, 1) + unnamed
        open_doubts[(content.recipient.value, _plain(content.text))].append((doubt, allowed))
    for one in unclaimed:
        place = open_doubts[(one.to, _plain(one.body))]
        room = next((doubt for doubt, most in place if doubt.extra_copies < most), None)
        if room is None:
            yield Problem(
                Fault.DOUBLED,
                f"{one.to} got one time more than the ledgers know: {one.body[:60]!r}",
            )
        else:
            room.extra_copies += 1


def _follows_doubt(row: Row, intents: Mapping[str, Row]) -> bool:
    """Tells whether a part was cancelled because an earlier part of its answer went to a person."""
    return row["intent_state"] == "CANCELLED" and any(
        other["intent_state"] == "NEEDS_HUMAN" and other["message_id"] == row["message_id"]
        for other in intents.values()
    )


def _settled(row: Row, doubtful: Sequence[Row], attempts: Sequence[Row]) -> Settled:
    if row["intent_state"] == "NEEDS_HUMAN":
        return Settled.NEEDS_HUMAN
    if row.get("resends"):
        return Settled.RESEND
    if row["intent_state"] != "SENT":
        return Settled.OTHERWISE
    # Tried again without counting as a resend: the saved step before the send was missing.
    later = doubtful[-1]["attempt"] < attempts[-1]["attempt"]
    return Settled.NOT_SENT if later else Settled.WITNESS


def _intents(evidence: Evidence) -> dict[str, Row]:
    answers = {str(row["outbox_id"]): row for row in evidence.ledgers.answers if row["outbox_id"]}
    notices = {str(row["intent_id"]): row for row in evidence.ledgers.notices}
    return {**answers, **notices}


def _content(row: Row) -> agent_service_pb2.OutboundMessage:
    return agent_service_pb2.OutboundMessage.FromString(row["content"])


def _plain(text: str) -> str:
    # Mail changes line ends and blanks at them; words and their order stay.
    return " ".join(text.split())
