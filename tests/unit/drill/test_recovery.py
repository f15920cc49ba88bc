"""Times of a drill: stalls, and how long a fault held everything up."""

import pytest

from drill.faults import Injected
from drill.recovery import Handled, longest_stall, recoveries, spread
from drill.schedule import Fault, Kind


def _handled(sent: float, answered: float | None, channel: str = "email") -> Handled:
    return Handled(channel, sent, sent, answered)


def _struck(kind: Kind, at: float, ready: float | None) -> Injected:
    return Injected(Fault(at, kind, "part"), at, at, bitten=True, ready_time=ready)


def test_idle_time_is_no_stall() -> None:
    assert longest_stall([_handled(0, 1), _handled(100, 102)]) == 2
    assert longest_stall([]) == 0


def test_a_stall_ends_with_any_answer() -> None:
    assert longest_stall([_handled(0, 10), _handled(1, 4), _handled(5, 11)]) == 6


def test_work_that_is_never_answered_keeps_a_stall_open_until_the_next_answer() -> None:
    assert longest_stall([_handled(0, None), _handled(20, 21)]) == 21


def test_progress_counts_only_what_was_accepted_after_the_fault() -> None:
    strikes = [_struck(Kind.KILL_SERVICE, 10, 12)]
    [found] = recoveries(strikes, [_handled(9, 11), _handled(10.5, 19), _handled(11, 15)])
    assert found.ready == [2]
    assert found.progress == [5]
    assert found.progress_alone == [5]


def test_progress_of_the_database_counts_from_its_being_back() -> None:
    [found] = recoveries(
        [_struck(Kind.STOP_DATABASE, 10, 14)], [_handled(11, 13), _handled(15, 20)]
    )
    assert (found.ready, found.progress) == ([4], [6])


def test_progress_of_a_provider_is_that_of_its_channel() -> None:
    handled = [_handled(11, 12), _handled(11, 17, "whatsapp")]
    [found] = recoveries([_struck(Kind.TWILIO, 10, 10)], handled)
    assert found.progress == [7]


def test_overlapping_faults_are_not_alone_and_lost_parts_are_counted() -> None:
    strikes = [_struck(Kind.KILL_SERVICE, 10, 12), _struck(Kind.KILL_SERVICE, 13, None)]
    [found] = recoveries(strikes, [_handled(11, 15)])
    assert (found.progress, found.progress_alone, found.never) == ([5], [], 1)


def test_what_did_not_bite_is_counted_and_not_measured() -> None:
    missed = Injected(Fault(1, Kind.KILL_BROKER, "nats"), note="nats was down for 20 s")
    [found] = recoveries([missed], [])
    assert (found.planned, found.bitten, found.ready) == (1, 0, [])


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], {"count": 0}),
        ([2.0], {"count": 1, "p50": 2.0, "p99": 2.0, "max": 2.0}),
        (
            [float(n) for n in range(1, 201)],
            {"count": 200, "p50": 100.0, "p99": 198.0, "max": 200.0},
        ),
    ],
)
def test_spread_is_by_nearest_rank(values: list[float], shown: dict[str, float]) -> None:
    assert spread(values) == shown
