"""Bugs of delivery that simulated worlds notice."""

from tests.faults.mutants.mutant import Mutant, Seeds

_TRANSITIONS = "services/delivery/domain/transitions.py"
_RECONCILE = "services/delivery/application/reconcile.py"

WORLDS_SENDING = (
    Mutant(
        "world-unknown-sent-again",
        "What may have been sent is not sent again blindly.",
        _TRANSITIONS,
        "            return _step(progress, State.UNKNOWN, wait=policy.interval, readings=0, error=reason)\n",
        "            return _step(progress, State.PENDING, wait=policy.interval, error=reason)\n",
        Seeds(),
    ),
    Mutant(
        "world-never-resend-ignored",
        "The switch never_resend leaves every resend to a person.",
        _TRANSITIONS,
        "    if policy.never_resend or progress.resends >= policy.most_resends:\n",
        "    if progress.resends >= policy.most_resends:\n",
        Seeds(),
    ),
    Mutant(
        "world-orphans-never-recovered",
        "An attempt without an end becomes a doubt at its deadline.",
        _RECONCILE,
        "                await self.recover()\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-witnesses-never-read",
        "An unknown outcome is settled by its witness.",
        _RECONCILE,
        "                await self.read_witnesses()\n",
        "",
        Seeds(),
    ),
)
