"""Bugs in the intent ledger and in the loop that sends: order, fences, attempts, receipts."""

from tests.faults.mutants.mutant import Mutant, caught_in

_STATEMENTS = "services/delivery/adapters/statements.py"
_STORE = "services/delivery/adapters/intent_store.py"
_SEND_DUE = "services/delivery/application/send_due.py"
_LEDGER = "tests/integration/test_delivery_ledger.py"
_PORT = "tests/contract/ports/test_intent_store.py"
_FOLLOWERS = "tests/contract/ports/test_intent_followers.py"
_FENCES = "tests/integration/test_delivery_fences.py"
_DOUBTS = "tests/integration/test_delivery_doubts.py"
_LOOP = "tests/unit/delivery/test_send_due.py"

SENDING = (
    Mutant(
        "intent-conflict-removed",
        "One outbox row is one intent: a repeated hint fails on the key.",
        _STATEMENTS,
        "            CASE WHEN $11 = 'CANCELLED' THEN now() END, $13)\n    ON CONFLICT DO NOTHING\n",
        "            CASE WHEN $11 = 'CANCELLED' THEN now() END, $13)\n",
        caught_in(_LEDGER, "test_duplicates_of_a_hint_make_one_intent_and_one_message"),
    ),
    Mutant(
        "attempting-not-committed",
        "ATTEMPTING is committed before the first byte leaves: a crash forgets the send.",
        _STORE,
        "                refused = [row for row in moved if row",
        "                await connection.execute(\n"
        "                    \"UPDATE delivery.intents SET state = 'PENDING', next_attempt_time = now() \"\n"
        "                    \"WHERE state = 'ATTEMPTING' AND intent_id = ANY ($1)\",\n"
        "                    [row['intent_id'] for row in moved],\n"
        "                )\n"
        "                refused = [row for row in moved if row",
        caught_in(_FENCES, "test_while_a_send_is_under_way_its_attempt_is_committed"),
    ),
    Mutant(
        "claim-ignores-order",
        "Parts go out by their numbers: a later one overtakes.",
        _STATEMENTS,
        "        i.send_seq IS NULL OR i.send_seq = 1\n",
        "        true\n",
        caught_in(_PORT, "test_parts_wait_for_their_predecessor_to_become_final"),
    ),
    Mutant(
        "unknown-holds-nobody",
        "An unknown outcome holds its followers until it is settled.",
        _STATEMENTS,
        "                  p.state IN ('REJECTED', 'PARKED', 'NEEDS_HUMAN')\n",
        "                  p.state IN ('REJECTED', 'PARKED', 'NEEDS_HUMAN', 'UNKNOWN')\n",
        caught_in(_PORT, "test_a_claim_waits_for_an_unknown_predecessor_and_nobody_elses"),
    ),
    Mutant(
        "whatsapp-follower-does-not-wait",
        "A WhatsApp part goes only when its predecessor has left Twilio.",
        _STATEMENTS,
        "                      p.channel <> 'whatsapp'\n",
        "                      true\n",
        caught_in(_FOLLOWERS, "test_a_whatsapp_follower_waits_until_its_predecessor_left"),
    ),
    Mutant(
        "rest-of-a-failed-answer-sent",
        "A failed part cancels the rest of its answer.",
        _STATEMENTS,
        "                          AND e.send_seq < i.send_seq\n",
        "                          AND false\n",
        caught_in(_PORT, "test_a_failed_part_cancels_the_rest_of_its_answer_only"),
    ),
    Mutant(
        "claim-ignores-fence",
        "Nothing below the fence is sent: an AI answer leaves after a person took over.",
        _STATEMENTS,
        "CASE WHEN i.epoch < f.min_epoch THEN 'below_fence'",
        "CASE WHEN false THEN 'below_fence'",
        caught_in(_PORT, "test_a_claim_under_a_raised_fence_cancels"),
    ),
    Mutant(
        "claim-holds-no-fence",
        "A claim waits for a fence that is being raised: it slips through beside it.",
        _STATEMENTS,
        "    ORDER BY conversation_id FOR SHARE\n",
        "    ORDER BY conversation_id\n",
        caught_in(_LEDGER, "test_a_claim_waits_for_a_fence_that_is_being_raised"),
    ),
    Mutant(
        "fence-cancels-its-own-epoch",
        "A fence cancels what is below it: it cancels the person's own replies too.",
        _STATEMENTS,
        "AND i.state = 'PENDING' AND i.epoch < f.min_epoch\n",
        "AND i.state = 'PENDING' AND i.epoch <= f.min_epoch\n",
        caught_in(_FENCES, "test_a_fence_cancels_exactly_what_is_below_it_and_never_goes_down"),
    ),
    Mutant(
        "fence-cancels-nothing",
        "When a fence is up nothing waits below it.",
        _STATEMENTS,
        "AND i.state = 'PENDING' AND i.epoch < f.min_epoch\n",
        "AND i.state = 'PENDING' AND i.epoch < f.min_epoch - 1\n",
        caught_in(_FENCES, "test_a_fence_cancels_exactly_what_is_below_it_and_never_goes_down"),
    ),
    Mutant(
        "fence-goes-down",
        "A fence never goes down: a late takeover call reopens the way.",
        _STATEMENTS,
        "SET min_epoch = greatest(fences.min_epoch, excluded.min_epoch)",
        "SET min_epoch = excluded.min_epoch",
        caught_in(_FENCES, "test_a_fence_cancels_exactly_what_is_below_it_and_never_goes_down"),
    ),
    Mutant(
        "fence-sees-no-attempt",
        "Whoever raises a fence learns of attempts that are still under way.",
        _STATEMENTS,
        "    WHERE i.conversation_id = $1 AND i.state = 'ATTEMPTING' AND i.epoch < f.min_epoch\n",
        "    WHERE i.conversation_id = $1 AND i.state = 'UNKNOWN' AND i.epoch < f.min_epoch\n",
        caught_in(_PORT, "test_raising_a_fence_counts_what_is_under_way_and_cancels_what_waits"),
    ),
    Mutant(
        "lost-attempt-sends",
        "An attempt that lost its row does not send.",
        _STATEMENTS,
        "attempts = $2 AND state = 'ATTEMPTING' AND deadline_time > now()",
        "attempts = $2",
        caught_in(_DOUBTS, "test_an_attempt_that_lost_its_row_does_not_send"),
    ),
    Mutant(
        "draft-not-saved",
        "The draft is saved before it is sent: without it nobody can tell what became of the mail.",
        _SEND_DUE,
        "            if not await self._saved(attempt, prepared):\n                return None\n",
        "            await self._saved(attempt, prepared)\n",
        caught_in(_LOOP, "test_without_its_saved_draft_nothing_is_sent_or_recorded"),
    ),
    Mutant(
        "draft-step-skipped",
        "A mail is a saved draft before it is sent.",
        _SEND_DUE,
        "        if provider.needs_preparation and not attempt.draft_id:\n",
        "        if False and not attempt.draft_id:\n",
        caught_in(_LOOP, "test_without_its_saved_draft_nothing_is_sent_or_recorded"),
    ),
    Mutant(
        "deadline-check-removed",
        "No request outlasts its attempt's deadline, at which others believe it over.",
        _SEND_DUE,
        "        if self._clock() + self._patience.send_seconds > deadline:\n",
        "        if self._clock() > deadline + self._patience.send_seconds:\n",
        caught_in(_LOOP, "test_a_request_that_could_outlast_its_deadline_does_not_start"),
    ),
    Mutant(
        "outcome-receipt-before-commit",
        "A send is reported only after its outcome is recorded.",
        _SEND_DUE,
        "        until = self._clock() + self._patience.attempt_seconds\n",
        "        from services.delivery.application.ports import Receipt\n"
        "        from services.delivery.domain.intent import State\n"
        "        if isinstance(outcome, Sent):\n"
        "            self._answers.delivered([Receipt(intent.intent_id, State.SENT)])\n"
        "        until = self._clock() + self._patience.attempt_seconds\n",
        caught_in(_FENCES, "test_an_outcome_is_answered_only_after_it_is_recorded"),
    ),
    Mutant(
        "stored-receipt-before-commit",
        "A row is reported as stored only after its intent is committed.",
        "services/delivery/application/take_outbound.py",
        "            await self._store.insert(\n",
        "            from services.delivery.application.ports import Receipt\n"
        "            from services.delivery.domain.intent import State\n"
        "            self._answers.delivered([Receipt(i.intent_id, State.PENDING) for i, _ in fetched])\n"
        "            await self._store.insert(\n",
        caught_in(_FENCES, "test_a_hint_is_answered_only_after_its_intent_is_stored"),
    ),
)
