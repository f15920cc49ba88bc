"""A drill's schedule: drawn from its seed alone, as many kills as asked for, every part struck."""

from collections import Counter
from itertools import pairwise

import pytest

from drill.schedule import BROKERS, KILLS, Kind, plan

PARTS = {
    "service": ["intake", "agent", "identity", "delivery", "metrics"],
    "sidecar": [
        "intake-sidecar",
        "agent-sidecar",
        "identity-sidecar",
        "delivery-sidecar",
        "metrics-sidecar",
    ],
    "control": ["placement", "scheduler"],
    "broker": ["nats"],
    "database": ["postgres"],
    "simulator": ["gmail-simulator", "twilio-simulator"],
}


def test_the_same_seed_draws_the_same_schedule_whatever_the_order_of_parts() -> None:
    turned = {kind: names[::-1] for kind, names in reversed(PARTS.items())}
    assert plan(7, 120, 60, PARTS) == plan(7, 120, 60, turned)
    assert plan(7, 120, 60, PARTS) != plan(8, 120, 60, PARTS)


@pytest.mark.parametrize(("seconds", "kills"), [(60, 20), (180, 155), (2700, 2060)])
def test_there_are_as_many_kills_as_asked_for(seconds: float, kills: int) -> None:
    faults = plan(1, seconds, kills, PARTS)
    found = sum(fault.kind in KILLS for fault in faults)
    assert kills <= found <= kills + 3
    assert all(0 < fault.at < seconds for fault in faults)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)


def test_a_campaign_strikes_every_part_often_and_every_kind() -> None:
    faults = plan(3, 2700, 2060, PARTS)
    struck = Counter(fault.part for fault in faults if fault.kind in KILLS)
    assert all(struck[name] >= 150 for name in PARTS["service"]), struck
    assert all(struck[name] >= 80 for name in PARTS["sidecar"]), struck
    assert all(struck[name] >= 80 for name in (*PARTS["control"], *PARTS["broker"])), struck
    assert not struck.keys() & {*PARTS["database"], *PARTS["simulator"]}
    assert {fault.kind for fault in faults} == set(Kind)


def test_a_part_is_seldom_struck_before_it_could_come_back() -> None:
    faults = plan(5, 2700, 2060, PARTS)
    moments: dict[str, list[float]] = {}
    for fault in faults:
        if fault.kind in KILLS:
            moments.setdefault(fault.part, []).append(fault.at)
    gaps = [after - before for ones in moments.values() for before, after in pairwise(ones)]
    assert min(gaps) > 8


def test_after_the_strikes_of_a_round_there_is_calm() -> None:
    moments = sorted(one.at for one in plan(5, 2700, 2060, PARTS) if one.kind in KILLS)
    calms = [after - before for before, after in pairwise(moments) if after - before > 7]
    assert len(calms) > 150


def test_several_parts_are_struck_at_once_now_and_then_but_none_twice() -> None:
    waves: dict[float, list[str]] = {}
    for fault in plan(2, 600, 300, PARTS):
        if fault.kind in KILLS:
            waves.setdefault(fault.at, []).append(fault.part)
    sizes = Counter(map(len, waves.values()))
    assert sizes[1] > sizes[2] > 0
    assert all(len(set(names)) == len(names) for names in waves.values())


def test_a_broker_without_an_entry_is_killed_but_never_wiped() -> None:
    assert "unheard-of" not in BROKERS
    faults = plan(1, 600, 300, {**PARTS, "broker": ["unheard-of"]})
    kinds = {fault.kind for fault in faults if fault.part == "unheard-of"}
    assert kinds == {Kind.KILL_BROKER}


def test_pauses_end_on_both_sides_of_a_lease() -> None:
    pauses = [one.seconds for one in plan(1, 2700, 10, PARTS) if one.kind is Kind.PAUSE_SERVICE]
    assert min(pauses) < 3 < max(pauses) <= 6
