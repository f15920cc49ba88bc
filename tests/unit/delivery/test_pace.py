"""How fast a sender may send."""

from datetime import timedelta

from services.delivery.domain.pace import Pace


def sent_in(pace: Pace, seconds: float, step: float = 0.05) -> int:
    count, now = 0, 0.0
    while now < seconds:
        room = pace.room(now)
        pace = pace.started(now, room)
        count += room
        now += step
    return count


def test_no_more_than_the_pace_goes() -> None:
    assert 80 * 10 <= sent_in(Pace(80), 10) <= 80 * 11
    assert sent_in(Pace(1 / 3), 30) in (10, 11)


def test_what_was_not_used_is_not_saved_up() -> None:
    assert Pace(5).started(0.0, 5).room(3600.0) == 5


def test_a_refusal_closes_it_for_as_long_as_the_provider_says() -> None:
    pace = Pace(80).slowed(100.0, timedelta(seconds=7))
    assert (pace.room(106.9), pace.room(107.0)) == (0, 80)


def test_without_a_word_the_pause_doubles_and_is_bounded() -> None:
    pace, now, pauses = Pace(80), 0.0, []
    for _ in range(9):
        pace = pace.slowed(now, None)
        pauses.append(pace.closed_until - now)
        now = pace.closed_until
        pace = pace.started(now, 1)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_requests_that_were_refused_together_are_one_pause() -> None:
    pace = Pace(80).slowed(0.0, None).slowed(0.1, None).slowed(0.2, None)
    assert (pace.pauses, pace.closed_until) == (1, 2.2)


def test_a_good_while_later_it_is_forgotten() -> None:
    pace = Pace(80).slowed(0.0, None).started(100.0, 1).slowed(100.5, None)
    assert pace.closed_until == 101.5
