"""What a drill writes: fixed in advance by its seed, on all channels, with repeats and overtaking."""

from collections import Counter

from drill.history import Wish
from drill.writings import BY_MAIL, ON_BOTH, ON_WHATSAPP, Way, plan

SECONDS, RATE = 1200.0, 9.0


def test_the_same_seed_writes_the_same() -> None:
    assert plan(4, 60, 5) == plan(4, 60, 5)
    assert plan(4, 60, 5) != plan(5, 60, 5)


def test_the_rate_is_that_of_messages_not_of_bursts() -> None:
    writings = plan(1, SECONDS, RATE)
    assert abs(len(writings) - SECONDS * RATE) < 0.07 * SECONDS * RATE
    assert [one.at for one in writings] == sorted(one.at for one in writings)
    assert sorted(one.number for one in writings) == list(range(len(writings)))


def test_everything_that_may_happen_happens() -> None:
    writings = plan(1, SECONDS, RATE)
    ways = Counter(one.way for one in writings)
    assert all(ways[way] > 0.05 * len(writings) for way in Way), ways
    wishes = Counter(one.wish for one in writings)
    assert wishes[Wish.ANSWER] > 10 * wishes[Wish.PERSON] > 10 * wishes[Wish.SILENCE] > 0
    assert all(one.headers for one in writings if one.wish is Wish.SILENCE)
    assert any(one.follows for one in writings)
    assert {len(one.repeats) for one in writings} == {0, 1, 2}
    assert not any(one.repeats for one in writings if one.way in (Way.MAIL, Way.SIMULATOR))


def test_webhooks_of_one_burst_overtake_each_other() -> None:
    numbers = [one.number for one in plan(1, SECONDS, RATE) if one.way is Way.WEBHOOK]
    assert numbers != sorted(numbers)


def test_some_people_write_on_two_channels() -> None:
    writings = plan(1, SECONDS, RATE)
    mailing = {one.person for one in writings if one.way is Way.MAIL}
    chatting = {one.person for one in writings if one.way in (Way.WEBHOOK, Way.SIMULATOR)}
    assert mailing & chatting <= set(ON_BOTH)
    assert len(mailing & chatting) > 0.9 * len(ON_BOTH)
    assert mailing <= set(BY_MAIL)
    assert chatting <= set(ON_WHATSAPP)


def test_nobody_mails_so_often_that_they_seem_a_machine() -> None:
    times: dict[int, list[float]] = {}
    for one in plan(1, 3600.0, 5.0):
        if one.way is Way.MAIL:
            times.setdefault(one.person, []).append(one.at)
    most = max(
        sum(at - 600 < other <= at for other in mine) for mine in times.values() for at in mine
    )
    assert most <= 5
