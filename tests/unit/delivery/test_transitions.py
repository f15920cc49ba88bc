"""Which state follows which, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.delivery.domain.intent import Progress, State, Step
from services.delivery.domain.outcomes import (
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
    is_fault,
)
from services.delivery.domain.transitions import (
    Policy,
    after_death,
    after_fetch,
    after_outcome,
    after_sighting,
    after_status,
    after_waiting,
    back_off,
)

SECOND = timedelta(seconds=1)
POLICY = Policy(window=120 * SECOND, give_up=timedelta(hours=4))
ATTEMPTING = Progress(State.ATTEMPTING, attempt=2)
UNKNOWN = Progress(State.UNKNOWN, attempt=2)
PENDING = Progress(State.PENDING, attempt=2)
FINAL = [State.SENT, State.REJECTED, State.NEEDS_HUMAN, State.CANCELLED, State.PARKED]


def _state(step: Step | None) -> State | None:
    return None if step is None else step.state


@pytest.mark.parametrize(
    ("progress", "outcome", "expected"),
    [
        (ATTEMPTING, Sent("id"), State.SENT),
        (UNKNOWN, Sent("id"), State.SENT),
        (PENDING, Sent("id"), State.SENT),
        (ATTEMPTING, Rejected("400"), State.REJECTED),
        (UNKNOWN, Rejected("400"), State.REJECTED),
        (PENDING, Rejected("400"), None),
        (ATTEMPTING, NotSent("no_connection"), State.PENDING),
        (UNKNOWN, NotSent("no_connection"), State.PENDING),
        (PENDING, NotSent("no_connection"), None),
        (ATTEMPTING, Unknown("timeout"), State.UNKNOWN),
        (UNKNOWN, Unknown("timeout"), None),
        (PENDING, Unknown("timeout"), None),
    ],
)
def test_an_outcome_moves_an_open_intent(
    progress: Progress, outcome: Outcome, expected: State | None
) -> None:
    assert _state(after_outcome(progress, 2, outcome, POLICY)) is expected


@pytest.mark.parametrize("outcome", [Rejected("400"), NotSent("x"), Unknown("x")])
def test_only_a_sent_counts_from_an_earlier_attempt(outcome: Outcome) -> None:
    assert after_outcome(ATTEMPTING, 1, outcome, POLICY) is None
    assert _state(after_outcome(ATTEMPTING, 1, Sent("id"), POLICY)) is State.SENT


@pytest.mark.parametrize("state", FINAL)
def test_a_final_state_stays(state: State) -> None:
    final = Progress(state, attempt=2, provider_id="a")
    for outcome in (Sent("b"), Rejected("400"), NotSent("x"), Unknown("x")):
        assert after_outcome(final, 2, outcome, POLICY) is None
    for sighting in (Seen((Sent("b"),)), Unseen(), Dark("x")):
        assert after_sighting(final, sighting, POLICY) is None
    assert after_death(final, POLICY, needs_preparation=True) is None
    assert after_status(final, "b", "failed", "1", named=True) is None


def test_a_wait_that_the_provider_asked_for_is_kept() -> None:
    asked = after_outcome(ATTEMPTING, 2, NotSent("limit", retry_after=7 * SECOND), POLICY)
    assert asked is not None
    assert asked.wait == 7 * SECOND
    own = after_outcome(ATTEMPTING, 2, NotSent("limit"), POLICY)
    assert own is not None
    assert own.wait == back_off(2, POLICY) == 10 * SECOND


def test_six_attempts_reach_over_half_an_hour() -> None:
    waits = [back_off(n, POLICY).total_seconds() for n in range(1, 8)]
    assert waits == [2, 10, 50, 250, 900, 900, 900]
    # Even if each wait is a tenth shorter, the seventh attempt comes after 30 minutes.
    assert 0.9 * sum(waits[:6]) > 30 * 60


def test_what_cannot_be_sent_for_hours_goes_to_a_person() -> None:
    old = replace(ATTEMPTING, age=timedelta(hours=4))
    assert _state(after_outcome(old, 2, NotSent("limit"), POLICY)) is State.NEEDS_HUMAN


@pytest.mark.parametrize(
    ("needs_preparation", "prepared", "expected"),
    [
        (False, False, State.UNKNOWN),
        (True, True, State.UNKNOWN),
        (True, False, State.PENDING),
    ],
)
def test_a_dead_worker_may_have_sent_unless_its_saved_step_is_missing(
    needs_preparation: bool,  # noqa: FBT001
    prepared: bool,  # noqa: FBT001
    expected: State,
) -> None:
    dead = replace(ATTEMPTING, prepared=prepared)
    step = after_death(dead, POLICY, needs_preparation=needs_preparation)
    assert _state(step) is expected


@pytest.mark.parametrize(
    ("unknown_for", "readings", "resends", "never_resend", "expected"),
    [
        # Within the window nothing but time passes.
        (1, 0, 0, False, State.UNKNOWN),
        (119, 9, 0, False, State.UNKNOWN),
        # After it, two separate negative readings are wanted.
        (121, 0, 0, False, State.UNKNOWN),
        (121, 1, 0, False, State.PENDING),
        # At most one resend, and none if the tenant wants none.
        (121, 1, 1, False, State.NEEDS_HUMAN),
        (121, 1, 0, True, State.NEEDS_HUMAN),
        (121, 0, 0, True, State.UNKNOWN),
    ],
)
def test_a_negative_reading(
    unknown_for: int,
    readings: int,
    resends: int,
    never_resend: bool,  # noqa: FBT001
    expected: State,
) -> None:
    progress = replace(
        UNKNOWN, unknown_for=unknown_for * SECOND, readings=readings, resends=resends
    )
    step = after_sighting(progress, Unseen(), replace(POLICY, never_resend=never_resend))
    assert step is not None
    assert step.state is expected
    assert step.readings == readings + 1
    assert step.resends == resends + (expected is State.PENDING)


def test_readings_never_come_faster_than_the_interval() -> None:
    for unknown_for in range(0, 240, 5):
        for readings in range(5):
            progress = replace(UNKNOWN, unknown_for=unknown_for * SECOND, readings=readings)
            for sighting in (Unseen(), Dark("x")):
                step = after_sighting(progress, sighting, POLICY)
                assert step is not None
                if step.state is State.UNKNOWN:
                    assert step.wait >= POLICY.interval


def test_a_dark_witness_is_waited_for_and_is_no_reading() -> None:
    waits = []
    for minutes in (0, 10, 30, 120):
        progress = replace(UNKNOWN, unknown_for=timedelta(minutes=minutes), readings=1)
        step = after_sighting(progress, Dark("x"), POLICY)
        assert step is not None
        assert (step.state, step.readings) == (State.UNKNOWN, 1)
        waits.append(step.wait)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(minutes=10)
    old = replace(UNKNOWN, unknown_for=timedelta(hours=4))
    assert _state(after_sighting(old, Dark("x"), POLICY)) is State.NEEDS_HUMAN


@pytest.mark.parametrize(
    ("sighting", "expected"),
    [(Seen((Sent("a"), Sent("b"))), "a"), (Seen(()), "")],
)
def test_a_sighting_names_the_first_candidate_and_none_is_a_negative_reading(
    sighting: Sighting, expected: str
) -> None:
    step = after_sighting(UNKNOWN, sighting, POLICY)
    assert step is not None
    assert step.provider_id == expected
    assert step.state is (State.SENT if expected else State.UNKNOWN)


@pytest.mark.parametrize("state", [State.ATTEMPTING, State.UNKNOWN, State.PENDING])
@pytest.mark.parametrize(
    ("status", "expected"),
    [("queued", State.SENT), ("read", State.SENT), ("failed", State.REJECTED), ("new", State.SENT)],
)
def test_a_status_that_names_an_open_intent_settles_it(
    state: State, status: str, expected: State
) -> None:
    step = after_status(Progress(state, attempt=1), "SM1", status, "", named=True)
    assert step is not None
    assert (step.state, step.provider_id) == (expected, "SM1")
    assert after_status(Progress(state, attempt=1), "SM1", status, "", named=False) is None


@pytest.mark.parametrize(
    ("before", "status", "expected"),
    [
        ("", "queued", "queued"),
        ("queued", "sent", "sent"),
        ("sent", "queued", None),
        ("sent", "delivered", "delivered"),
        ("delivered", "read", "read"),
        ("read", "delivered", None),
        ("sent", "failed", "failed"),
        ("delivered", "failed", None),
        ("read", "undelivered", None),
        ("sent", "sent", None),
        ("sent", "unheard-of", None),
    ],
)
def test_statuses_are_monotone(before: str, status: str, expected: str | None) -> None:
    sent = Progress(State.SENT, attempt=1, provider_id="SM1", provider_status=before)
    step = after_status(sent, "SM1", status, "63016", named=True)
    assert (step.provider_status if step else None) == expected
    if expected in {"failed", "undelivered"}:
        assert step is not None
        assert (step.state, step.error) == (State.REJECTED, "63016")


@pytest.mark.parametrize("before", ["", "queued", "accepted"])
@pytest.mark.parametrize(
    ("shown", "state", "status"),
    [
        ("sent", State.SENT, "sent"),
        ("read", State.SENT, "read"),
        ("queued", State.SENT, None),
        ("scheduled", State.SENT, None),
        ("sending", State.SENT, "sending"),
        ("failed", State.REJECTED, "failed"),
        ("undelivered", State.REJECTED, "undelivered"),
        ("canceled", State.REJECTED, "canceled"),
    ],
)
def test_a_fetched_status_counts_as_a_callback_and_lets_the_follower_go(
    before: str, shown: str, state: State, status: str | None
) -> None:
    sent = Progress(State.SENT, attempt=1, provider_id="SM1", provider_status=before)
    step = after_fetch(sent, Shown(shown, "63016"), POLICY)
    assert step is not None
    assert (step.state, step.fetched, step.provider_id) == (state, True, "SM1")
    assert status is None or step.provider_status == status
    assert step.error == ("63016" if state is State.REJECTED else "")


def test_a_provider_that_cannot_be_asked_is_asked_again_with_growing_distance() -> None:
    waits = []
    for minutes in (0, 1, 10, 30, 120):
        sent = Progress(State.SENT, provider_id="SM1", age=timedelta(minutes=minutes))
        step = after_fetch(sent, Dark("x"), POLICY)
        assert step is not None
        assert (step.state, step.fetched) == (State.SENT, False)
        waits.append(step.wait)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (POLICY.interval, timedelta(minutes=10))


@pytest.mark.parametrize("state", [state for state in State if state is not State.SENT])
def test_only_a_sent_intent_is_asked_for(state: State) -> None:
    assert after_fetch(Progress(state), Shown("read"), POLICY) is None
    assert after_fetch(Progress(state), Dark("x"), POLICY) is None


def test_a_follower_that_was_held_for_hours_goes_to_a_person() -> None:
    young = replace(PENDING, age=POLICY.give_up - SECOND)
    assert after_waiting(young, "why", POLICY) is None
    old = after_waiting(replace(PENDING, age=POLICY.give_up), "why", POLICY)
    assert old is not None
    assert (old.state, old.error) == (State.NEEDS_HUMAN, "why")
    for state in (State.ATTEMPTING, *FINAL):
        assert after_waiting(Progress(state, age=POLICY.give_up), "why", POLICY) is None


def test_a_status_of_a_second_copy_changes_nothing() -> None:
    sent = Progress(State.SENT, attempt=1, provider_id="SM1")
    assert after_status(sent, "SM2", "delivered", "", named=True) is None


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Sent("a"), False),
        (Rejected("400"), False),
        (NotSent("rate_limited"), False),
        (NotSent("no_connection", fault=True), True),
        (Unknown("status_503"), True),
    ],
)
def test_only_the_providers_own_trouble_is_a_fault(
    outcome: Outcome,
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_fault(outcome) is expected
