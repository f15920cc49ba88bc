"""Faults of the simulated database itself: the checker would see a database that does not keep its word."""

from tests.faults.mutants.mutant import Mutant, Seeds

_INBOX = "tests/faults/simulation/memory_inbox_rows.py"
_INTENTS = "tests/faults/simulation/memory_intent_rows.py"

WORLDS_DATABASE = (
    Mutant(
        "world-inbox-key-dropped",
        "The inbox has a message once.",
        _INBOX,
        "        if (message.channel, message.account, message.provider_id) in self.events:\n",
        "        if (message.channel, message.account, message.body) in self.events:\n",
        Seeds(),
    ),
    Mutant(
        "world-claim-gives-to-two",
        "A claimed intent is one worker's.",
        _INTENTS,
        "        self._move(row, State.ATTEMPTING)\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-order-ignored",
        "A part waits until the one before it is final.",
        _INTENTS,
        "        return before.state in _FAILED\n",
        "        return True\n",
        Seeds(),
    ),
)
