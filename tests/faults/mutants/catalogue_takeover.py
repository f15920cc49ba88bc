"""Bugs of a takeover that worlds notice in which a person takes over at every await point."""

from tests.faults.mutants.mutant import Mutant, caught_in

_TAKEOVER = "services/agent/application/takeover.py"
_OWNERSHIP = "services/agent/application/ownership.py"
_NOTICED = caught_in(
    "tests/faults/test_simulation.py", "test_after_a_takeover_at_any_point_the_ai_starts_nothing"
)

TAKEOVER = (
    Mutant(
        "takeover-raises-no-fence",
        "A takeover tells delivery what may not be sent any more.",
        _TAKEOVER,
        "            cancelled += await self._raise(conversation_id, taken.epoch)\n",
        "            log.info(str(conversation_id))\n",
        _NOTICED,
    ),
    Mutant(
        "takeover-does-not-wait",
        "A takeover waits for the sends that are under way.",
        _TAKEOVER,
        "            if raised.in_flight == 0:\n",
        "            if raised.in_flight >= 0:\n",
        _NOTICED,
    ),
    Mutant(
        "takeover-keeps-the-epoch",
        "A takeover begins a new epoch.",
        _OWNERSHIP,
        "turn, epoch=head.epoch + 1,",
        "turn, epoch=head.epoch,",
        _NOTICED,
    ),
)
