"""Which state follows: one function for each thing that can happen to an intent. None means: no change."""

from dataclasses import dataclass, replace
from datetime import timedelta

from services.delivery.domain.intent import Progress, State, Step
from services.delivery.domain.outcomes import (
    Barred,
    Dark,
    NotSent,
    Outcome,
    Rejected,
    Seen,
    Sent,
    Shown,
    Sighting,
    Unknown,
    Unseen,
)

# Five times the wait before: six attempts reach over half an hour in which a provider refuses.
BACK_OFF_GROWTH = 5
LONGEST_DARK_WAIT = timedelta(minutes=10)
# Two separate readings: one alone may have hit a page that was about to change.
WANTED_READINGS = 2
_TAKEN_BACK = frozenset({"failed", "undelivered", "canceled"})
# A status replaces one of a lower rank only: what was delivered cannot fail any more.
_RANK = {
    "accepted": 1,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "failed": 4,
    "undelivered": 4,
    "canceled": 4,
    "delivered": 5,
    "read": 6,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient delivery is with one provider.

    A resend needs `window` to have passed since the outcome became unknown and two negative readings;
    `never_resend` turns it into work for a person. After `give_up` a person decides in any case. What surely was
    not sent waits for `first_back_off`, then longer each time up to `longest_back_off`.
    """

    window: timedelta
    give_up: timedelta
    never_resend: bool = False
    most_resends: int = 1
    first_back_off: timedelta = timedelta(seconds=2)
    longest_back_off: timedelta = timedelta(minutes=15)

    @property
    def interval(self) -> timedelta:
        """The least time between two readings of the witness."""
        return self.window / 8


def after_outcome(
    progress: Progress, attempt: int, outcome: Outcome, policy: Policy
) -> Step | None:
    """Decides what an attempt's outcome means; a late *sent* settles whatever is not final."""
    if isinstance(outcome, Sent):
        return None if progress.state.final else _sent(progress, outcome)
    if progress.attempt != attempt or progress.state not in {State.ATTEMPTING, State.UNKNOWN}:
        return None
    match outcome:
        case Rejected(code=code):
            return _step(progress, State.REJECTED, error=code)
        case Barred(reason=reason):
            return _step(progress, State.PARKED, error=reason)
        case NotSent():
            if progress.age >= policy.give_up:
                return _step(progress, State.NEEDS_HUMAN, error=outcome.reason)
            wait = outcome.retry_after
            if wait is None:
                wait = back_off(attempt, policy)
            return _step(progress, State.PENDING, wait=wait, error=outcome.reason)
        case Unknown(reason=reason):
            if progress.state is State.UNKNOWN:
                return None
            return _step(progress, State.UNKNOWN, wait=policy.interval, readings=0, error=reason)


def after_death(progress: Progress, policy: Policy, *, needs_preparation: bool) -> Step | None:
    """Decides about an attempt whose worker is gone: it may have sent, unless its saved step is missing."""
    if progress.state is not State.ATTEMPTING:
        return None
    if needs_preparation and not progress.prepared:
        return _step(progress, State.PENDING, error="worker_died")
    return _step(progress, State.UNKNOWN, wait=policy.interval, readings=0, error="worker_died")


def after_sighting(progress: Progress, sighting: Sighting, policy: Policy) -> Step | None:
    """Decides what a reading of the witness means; candidates of `Seen` are not known as other intents'."""
    if progress.state is not State.UNKNOWN:
        return None
    match sighting:
        case Seen(candidates=(first, *_)):
            return _sent(progress, first)
        case Unseen() | Seen():
            return _after_negative(progress, policy)
        case Dark(reason=reason):
            if progress.unknown_for >= policy.give_up:
                return _step(progress, State.NEEDS_HUMAN, error=reason)
            growing = min(progress.unknown_for / 4, LONGEST_DARK_WAIT)
            return _step(progress, State.UNKNOWN, wait=max(policy.interval, growing), error=reason)


def after_status(
    progress: Progress, provider_id: str, status: str, error_code: str, *, named: bool
) -> Step | None:
    """Decides what a provider's status means; one that names the intent settles an unknown outcome.

    Statuses come late, doubled and in any order. A failure after *sent* takes the *sent* back.
    """
    if not progress.state.final:
        if not named:
            return None
        settled = replace(progress, state=State.SENT, provider_id=provider_id)
        later = after_status(settled, provider_id, status, error_code, named=True)
        return later or _sent(progress, Sent(provider_id))
    if provider_id != progress.provider_id or progress.state is not State.SENT:
        return None
    if _RANK.get(status, 0) <= _RANK.get(progress.provider_status, 0):
        return None
    if status in _TAKEN_BACK:
        error = error_code or status
        return _step(progress, State.REJECTED, provider_status=status, error=error)
    return _step(progress, State.SENT, provider_status=status)


def after_fetch(progress: Progress, shown: Shown | Dark, policy: Policy) -> Step | None:
    """Decides what the answer to a question for a sent message's status means.

    Any status that is no failure confirms that the provider has the message in its queue, so that the next part
    stays behind it. A provider that does not answer is asked again with growing distance.
    """
    if progress.state is not State.SENT:
        return None
    if isinstance(shown, Dark):
        growing = min(progress.age / 4, LONGEST_DARK_WAIT)
        return _step(progress, State.SENT, wait=max(policy.interval, growing))
    step = after_status(
        progress, progress.provider_id, shown.status, shown.error_code, named=False
    ) or _step(progress, State.SENT)
    return replace(step, fetched=True)


def after_waiting(progress: Progress, reason: str, policy: Policy) -> Step | None:
    """Decides about an intent that a provider without an answer holds up: after `give_up` a person does."""
    if progress.state is not State.PENDING or progress.age < policy.give_up:
        return None
    return _step(progress, State.NEEDS_HUMAN, error=reason)


def back_off(attempt: int, policy: Policy) -> timedelta:
    """Returns how long an intent waits after its n-th attempt that surely did not send."""
    growth: int = BACK_OFF_GROWTH ** min(max(attempt, 1) - 1, 10)
    return min(policy.first_back_off * growth, policy.longest_back_off)


def _after_negative(progress: Progress, policy: Policy) -> Step:
    readings = progress.readings + 1
    remaining = policy.window - progress.unknown_for
    if remaining > timedelta() or readings < WANTED_READINGS:
        wait = (
            policy.interval
            if remaining <= policy.interval
            else min(remaining, policy.interval * 2**readings)
        )
        return _step(progress, State.UNKNOWN, wait=wait, readings=readings)
    if policy.never_resend or progress.resends >= policy.most_resends:
        return _step(progress, State.NEEDS_HUMAN, readings=readings, error="outcome_unknown")
    return _step(
        progress, State.PENDING, readings=readings, resends=progress.resends + 1, error="resend"
    )


def _sent(progress: Progress, sent: Sent) -> Step:
    return _step(
        progress,
        State.SENT,
        provider_id=sent.provider_id,
        provider_thread_id=sent.thread_id,
        provider_status=sent.status,
    )


def _step(progress: Progress, state: State, **changes: object) -> Step:
    kept = Step(
        state,
        resends=progress.resends,
        readings=progress.readings,
        provider_id=progress.provider_id,
        provider_status=progress.provider_status,
    )
    return replace(kept, **changes)  # type: ignore[arg-type]  # names and types are Step's own
