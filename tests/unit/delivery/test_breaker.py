"""The circuit breaker, second by second."""

from services.delivery.domain.breaker import LONGEST_WAIT_SECONDS, Breaker, Phase


def _tripped(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker = breaker.ended(now, fault=True)
    return breaker


def test_it_opens_after_three_faults_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(2):
        breaker = breaker.ended(0, fault=True)
        assert breaker.room(0, 16) == 16
    assert breaker.ended(0, fault=True).room(0, 16) == 0


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker().ended(0, fault=True).ended(0, fault=True).ended(0, fault=False)
    assert breaker.ended(0, fault=True).phase is Phase.CLOSED


def test_after_its_wait_one_probe_may_go() -> None:
    breaker = _tripped()
    assert breaker.room(4.9, 16) == 0
    assert breaker.room(5.0, 16) == 1
    probing = breaker.started(5.0)
    assert probing.phase is Phase.HALF_OPEN
    assert probing.room(5.0, 16) == 0
    assert probing.ended(5.1, fault=False) == Breaker()


def test_a_failed_probe_doubles_the_wait_up_to_a_limit() -> None:
    breaker, now, waits = _tripped(), 0.0, []
    for _ in range(6):
        now = breaker.open_until
        breaker = breaker.started(now).ended(now, fault=True)
        waits.append(breaker.open_until - now)
    assert waits == [10, 20, 40, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]


def test_an_answer_from_before_the_trip_does_not_close_it() -> None:
    assert _tripped().ended(1, fault=False).phase is Phase.OPEN


def test_a_probe_that_never_left_lets_another_try() -> None:
    probing = _tripped().started(5)
    assert probing.abandoned().room(5, 16) == 1
    assert Breaker().abandoned() == Breaker()
