"""The checker excuses a second copy only where the witness was too late for the first one."""

import pytest

from tests.faults.simulation.checker import Evidence, Handed, PartEnd, judge

WINDOW = 30.0
_REPLY = PartEnd(
    intent_id="i", turn_id="", kind="human_reply", lane="c/whatsapp", number=1, epoch=1, customer="p",
    ledger_state="settled", intent_state="SENT", resends=1, escalated=False,
)  # fmt: skip


def verdict(shown: float, *, never_resend: bool = False) -> list[str]:
    """Judges a message that was sent at 5 s and again at 50 s, and whose first copy was shown after some seconds."""
    first = Handed("i", 5.0, 0, shown_after=shown)
    second = Handed("i", 50.0, 1, shown_after=45.0)
    return judge(
        Evidence(
            (), (), (), [_REPLY], [first, second],
            windows={"whatsapp": WINDOW}, never_resend=never_resend,
        )
    )  # fmt: skip


@pytest.mark.parametrize("shown", [0.0, 9.9])
def test_a_copy_beside_a_witness_that_showed_the_first_is_a_double(shown: float) -> None:
    assert verdict(shown) == [
        f"doubled: i was sent again, the provider showed it after {shown:.3f} s"
    ]


@pytest.mark.parametrize("shown", [10.0, 44.0, 90.0])
def test_a_copy_that_no_witness_could_prevent_is_excused(shown: float) -> None:
    assert verdict(shown) == []


def test_no_copy_is_excused_where_resends_are_switched_off() -> None:
    assert verdict(90.0, never_resend=True) == ["doubled: i was sent again, which is switched off"]


def lane(*parts: tuple[int, float, int]) -> list[str]:
    """Judges a lane whose parts have these epochs, begins and places, in the order of their numbers."""
    ends = [
        PartEnd(
            intent_id=f"i{number}", turn_id="", kind="human_reply", lane="c/email", number=number,
            epoch=epoch, customer="p", ledger_state="settled", intent_state="SENT", resends=0,
            escalated=False,
        )
        for number, (epoch, _, _) in enumerate(parts, 1)
    ]  # fmt: skip
    handed = [Handed(f"i{n}", begin, place) for n, (_, begin, place) in enumerate(parts, 1)]
    handed.sort(key=lambda one: one.place)
    return [problem for problem in judge(Evidence((), (), (), ends, handed)) if "order" in problem]


def test_what_is_taken_out_of_order_is_told() -> None:
    assert lane((0, 1.0, 0), (0, 2.0, 1), (1, 3.0, 2)) == []
    assert lane((0, 1.0, 1), (0, 2.0, 0))
    assert lane((0, 2.0, 0), (0, 1.0, 1))
    assert lane((0, 3.0, 0), (1, 2.0, 1))


def test_a_doubtful_part_from_before_a_takeover_may_be_taken_after_the_persons_reply() -> None:
    assert lane((0, 1.0, 1), (1, 2.0, 0)) == []
