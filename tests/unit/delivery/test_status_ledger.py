"""What a message's states end as, whichever callbacks are lost, doubled or reordered."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

import pytest

from services.delivery.domain.intent import Progress, State
from services.delivery.domain.transitions import after_status

GOOD = ("queued", "sent", "delivered", "read")
SENT = Progress(State.SENT, attempt=1, provider_id="SM1", provider_status="")


def played(callbacks: Sequence[str], start: Progress = SENT) -> Progress:
    progress = start
    for status in callbacks:
        code = "63024" if status in ("failed", "undelivered") else ""
        step = after_status(progress, "SM1", status, code, named=True)
        if step is not None:
            progress = replace(
                progress,
                state=step.state,
                provider_id=step.provider_id,
                provider_status=step.provider_status,
            )
    return progress


def heard(statuses: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Every way to hear some of the callbacks, one of them twice, in any order."""
    found = []
    for count in range(1, len(statuses) + 1):
        for some in combinations(statuses, count):
            doubled = [(*some, again) for again in some]
            found += [order for ones in [some, *doubled] for order in permutations(ones)]
    return sorted(set(found))


@pytest.mark.parametrize(
    "start", [SENT, Progress(State.UNKNOWN, attempt=1), Progress(State.ATTEMPTING, attempt=1)]
)
def test_a_message_that_arrived_ends_as_far_as_was_heard(start: Progress) -> None:
    orders = heard(GOOD)
    assert len(orders) > 100
    for order in orders:
        ended = played(order, start)
        assert (ended.state, ended.provider_id) == (State.SENT, "SM1"), order
        assert ended.provider_status == max(order, key=GOOD.index), order


@pytest.mark.parametrize("failure", ["failed", "undelivered"])
def test_a_message_that_failed_ends_as_failed(failure: str) -> None:
    for order in heard(("queued", "sent", failure)):
        expected = State.REJECTED if failure in order else State.SENT
        assert played(order).state is expected, order


def test_delivered_before_sent_stays_delivered() -> None:
    assert played(["delivered", "sent"]).provider_status == "delivered"


def test_what_was_read_cannot_fail_any_more() -> None:
    ended = played(["read", "failed", "undelivered"])
    assert (ended.state, ended.provider_status) == (State.SENT, "read")
