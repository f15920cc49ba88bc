"""Faults of the simulated database itself: the checker would see a database that does not keep its word."""

from tests.faults.mutants.mutant import Mutant, Seeds

_INBOX = "tests/faults/simulation/memory_inbox_rows.py"
_AGENT = "tests/faults/simulation/memory_agent_tables.py"
_HEADS = "tests/faults/simulation/memory_heads.py"
_INTENTS = "tests/faults/simulation/memory_intent_rows.py"
_STORE = "tests/faults/simulation/memory_intents.py"

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
        "world-message-key-dropped",
        "The agent has a message once.",
        _AGENT,
        "        if text.message_id not in self.inbound:\n",
        "        if text.message_id:\n",
        Seeds(),
    ),
    Mutant(
        "world-row-lock-not-held",
        "A row's lock is one transaction's.",
        "tests/faults/simulation/locks.py",
        "        self._locks.holders[key] = self\n",
        "        self._locks.holders.pop(key, None)\n",
        Seeds(),
    ),
    Mutant(
        "world-commit-of-a-lost-session",
        "A transaction whose session was lost changes nothing.",
        _HEADS,
        "        self.locks.check()\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-half-a-commit",
        "A commit is whole or nothing.",
        _HEADS,
        '        await self._io.request("agent.heads.commit")\n',
        "        transaction.changes.pop(0)()\n"
        '                await self._io.request("agent.heads.commit")\n',
        Seeds(),
    ),
    Mutant(
        "world-outbox-forgotten",
        "What a commit says is in the outbox.",
        _AGENT,
        "            self.outbox.insert(row)\n",
        "            if part is event.parts[0]:\n                self.outbox.insert(row)\n",
        Seeds(),
    ),
    Mutant(
        "world-intent-key-dropped",
        "Delivery has an outbox row once.",
        _INTENTS,
        "        if intent.intent_id in self.rows or (place is not None and place in self._lanes):\n",
        "        if place is not None and place in self._lanes and not self.rows:\n",
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
    Mutant(
        "world-claim-ignores-the-fence",
        "Nothing below the fence is claimed.",
        _INTENTS,
        "        if intent.epoch < self.min_epochs[intent.conversation_id]:\n",
        "        if intent.epoch < self.min_epochs[intent.conversation_id] - 9:\n",
        Seeds(),
    ),
    Mutant(
        "world-correction-not-stored",
        "What a provider takes back is noted for the agent.",
        _STORE,
        "    if before.final:\n",
        "    if before.final and step.state is before:\n",
        Seeds(),
    ),
)
