"""The circuit breaker, second by second."""

from services.delivery.domain.breaker import Breaker, Phase, Tolerance


def _tripped(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker = breaker.ended(now, fault=True)
    return breaker


def test_it_opens_after_three_faults_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(2):
        breaker = breaker.ended(0, fault=True)
        assert breaker.room(16) == 16
    assert breaker.ended(0, fault=True).room(16) == 0


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker().ended(0, fault=True).ended(0, fault=True).ended(0, fault=False)
    assert breaker.ended(0, fault=True).phase is Phase.CLOSED


def test_after_its_wait_it_asks_and_after_an_answer_one_probe_may_go() -> None:
    breaker = _tripped()
    assert not breaker.asks(4.9)
    assert breaker.asks(5.0)
    assert breaker.room(16) == 0
    assert breaker.started() == breaker
    answering = breaker.asked(5.0, answered=True)
    assert not answering.asks(6.0)
    assert answering.room(16) == 1
    probing = answering.started()
    assert probing.phase is Phase.HALF_OPEN
    assert probing.room(16) == 0
    assert probing.ended(5.1, fault=False) == Breaker()


def test_silence_and_a_failed_probe_double_the_wait_up_to_a_limit() -> None:
    breaker, waits = _tripped(), []
    for at in range(6):
        now = breaker.open_until
        if at % 2:
            breaker = breaker.asked(now, answered=True).started().ended(now, fault=True)
        else:
            breaker = breaker.asked(now, answered=False)
        assert breaker.room(16) == 0
        waits.append(breaker.open_until - now)
    assert waits == [10, 20, 40, 60, 60, 60]


def test_its_tolerance_survives_every_move() -> None:
    tolerance = Tolerance(faults=1, first_wait_seconds=1, longest_wait_seconds=3)
    breaker, waits = Breaker(tolerance).ended(0, fault=True), []
    for _ in range(3):
        now = breaker.open_until
        breaker = breaker.asked(now, answered=False)
        waits.append(breaker.open_until - now)
    assert waits == [2, 3, 3]
    closed = breaker.asked(9, answered=True).started().ended(9, fault=False)
    assert closed == Breaker(tolerance)


def test_an_answer_from_before_the_trip_does_not_close_it() -> None:
    assert _tripped().ended(1, fault=False).phase is Phase.OPEN


def test_an_answer_to_a_question_from_before_it_closed_changes_nothing() -> None:
    assert Breaker().asked(1, answered=False) == Breaker()


def test_a_probe_that_never_left_lets_another_try() -> None:
    probing = _tripped().asked(5, answered=True).started()
    assert probing.abandoned().room(16) == 1
    assert Breaker().abandoned() == Breaker()
