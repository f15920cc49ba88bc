"""Bugs of delivery that simulated worlds notice."""

from tests.faults.mutants.mutant import Mutant, Seeds

_TRANSITIONS = "services/delivery/domain/transitions.py"
_SEND_DUE = "services/delivery/application/send_due.py"
_RECONCILE = "services/delivery/application/reconcile.py"
_TAKE_OUTBOUND = "services/delivery/application/take_outbound.py"
_CORRECTIONS = "services/delivery/adapters/corrections.py"

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
        "world-dead-attempt-sent-again",
        "An attempt whose worker died may have sent.",
        _TRANSITIONS,
        '    return _step(progress, State.UNKNOWN, wait=policy.interval, readings=0, error="worker_died")\n',
        '    return _step(progress, State.PENDING, error="worker_died")\n',
        Seeds(),
    ),
    Mutant(
        "world-resend-without-readings",
        "A resend needs its window and two negative readings.",
        _TRANSITIONS,
        "    if remaining > timedelta() or readings < WANTED_READINGS:\n",
        "    if readings < 1:\n",
        Seeds(),
    ),
    Mutant(
        "world-dark-witness-counts",
        "A witness that cannot be asked has not seen anything.",
        _TRANSITIONS,
        "        case Unseen() | Seen():\n",
        "        case Unseen() | Seen() | Dark():\n",
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
        "world-resends-without-end",
        "An unknown outcome is sent again once, then a person decides.",
        _TRANSITIONS,
        'resends=progress.resends + 1, error="resend"\n',
        'resends=progress.resends, error="resend"\n',
        Seeds(),
    ),
    Mutant(
        "world-witness-of-another",
        "A witness of another message proves nothing.",
        _RECONCILE,
        "        taken = await self._store.known_elsewhere(channel, ids)\n",
        "        taken: set[str] = set(ids[:0])\n",
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
    Mutant(
        "world-statuses-never-fetched",
        "A status that never came is asked for, so that no follower waits for ever.",
        _RECONCILE,
        "                await self.fetch_statuses()\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-deadline-unchecked",
        "No request starts that could outlast its attempt's deadline.",
        _SEND_DUE,
        "        if self._clock() + self._patience.send_seconds > deadline:\n",
        "        if self._clock() > deadline + 1e9:\n",
        Seeds(),
    ),
    Mutant(
        "world-draft-not-saved",
        "A draft is saved before it is sent, so that its fate can be found out.",
        _SEND_DUE,
        "            if not await self._saved(attempt, prepared):\n                return None\n",
        "",
        Seeds(),
    ),
    Mutant(
        "world-outcome-given-up",
        "An outcome waits for the database that is to record it.",
        _SEND_DUE,
        "                if self._clock() > until:\n                    raise\n",
        "                if self._clock() > until - 1e9:\n                    return\n",
        Seeds(),
    ),
    Mutant(
        "world-known-row-unanswered",
        "A hint of a row that is known is answered with its newest receipt.",
        _TAKE_OUTBOUND,
        "        self._answers.delivered(list(known.values()))\n",
        "        self._answers.delivered([r for i, r in known.items() if i in missing])\n",
        Seeds(),
    ),
    Mutant(
        "world-correction-untold",
        "A send that was taken back is a person's task.",
        _CORRECTIONS,
        "        await agent_service.CorrectSends(request, timeout=CORRECT_SECONDS)\n",
        "        del request\n",
        Seeds(),
    ),
)
