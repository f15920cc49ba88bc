"""One simulated customer plays one scenario: writes, waits, reads, and goes on with the next move."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from cli.outside import Outside
from evals.doors import Doors, Person, Received
from evals.ledger import Effects, Ledger, NotDone
from evals.scenario import Channel, Move, Scenario

# A turn may take this long by the agent's own caps, and so may its three tries.
_DONE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One move as it was played: what was said, what came back, and what the ledgers newly hold."""

    move: Move
    said: tuple[str, ...]
    subject: str | None
    received: Sequence[Received]
    effects: Effects


@dataclass(slots=True)
class Conversation:
    """A whole scenario as it was played; `broken` says why it could not be played to its end."""

    scenario: Scenario
    trial: int
    person: Person
    exchanges: list[Exchange] = field(default_factory=list)
    mails: set[str] = field(default_factory=set)
    effects: Effects = field(default_factory=Effects)
    broken: str = ""


async def play(
    outside: Outside, ledger: Ledger, scenario: Scenario, person: Person, *, seed: int, trial: int
) -> Conversation:
    """Plays a scenario to its end; what goes wrong on the way is kept, not raised."""
    conversation = Conversation(scenario, trial, person)
    doors = Doors(outside, person)
    before = Effects()
    try:
        await doors.look()
        for place, move in enumerate(scenario.moves):
            said, subject = wording(move, f"{seed} {scenario.name} {place}", trial)
            await _say(doors, scenario, move, said, subject)
            await ledger.done(person.senders, doors.written, _DONE_SECONDS)
            received = await doors.read()
            after = await ledger.effects(person.senders)
            exchange = Exchange(move, said, subject, received, _newly(before, after))
            conversation.exchanges.append(exchange)
            before = after
    except (NotDone, httpx.HTTPError) as error:
        conversation.broken = f"{error or type(error).__name__}"
    conversation.mails, conversation.effects = doors.mails, before
    return conversation


def wording(move: Move, seed: str, trial: int) -> tuple[tuple[str, ...], str | None]:
    """Chooses what is said in a trial: every wording comes before one comes again, in an order of the seed's."""
    draw = random.Random(seed)  # noqa: S311 - repeatable, not secret
    order = draw.sample(range(len(move.wordings)), len(move.wordings))
    subjects = draw.sample(move.subjects, len(move.subjects))
    said = move.wordings[order[trial % len(order)]]
    return said, subjects[trial % len(subjects)] if subjects else None


async def _say(
    doors: Doors, scenario: Scenario, move: Move, said: Sequence[str], subject: str | None
) -> None:
    for text in said:
        match move.channel:
            case Channel.EMAIL:
                await doors.write_mail(subject, text)
                # What follows in a burst is one thread.
                subject = None
            case Channel.WHATSAPP:
                await doors.write_whatsapp(text)
            case Channel.WEB_FORM:
                form = (scenario.form_category, scenario.form_priority)
                await doors.write_form(subject, text, *form)


def _newly(before: Effects, after: Effects) -> Effects:
    known = {row["message_id"] for row in before.answers}
    return Effects(
        answers=[row for row in after.answers if row["message_id"] not in known],
        tickets=after.tickets[len(before.tickets) :],
        escalations=after.escalations[len(before.escalations) :],
        outcomes=after.outcomes,
    )
