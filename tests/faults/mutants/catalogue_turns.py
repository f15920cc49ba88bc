"""Bugs in the agent's turns: fence, lease, batch, state, due times."""

from tests.faults.mutants.mutant import Mutant, caught_in

_TURNS = "services/agent/application/turns.py"
_PORT = "services/agent/application/heads.py"
_HEADS = "services/agent/adapters/head_store.py"
_DUE_HEADS = "services/agent/adapters/due_heads.py"
_TESTS = "tests/integration/test_agent_turns.py"
_HEADS_SUITE = "tests/contract/ports/test_heads.py"
_FENCE = "(head.version, head.turn_no, head.epoch) == (self.version, self.turn_no, self.epoch)"

TURNS = (
    Mutant(
        "message-conflict-removed",
        "A message is stored once: a repeat fails its whole batch.",
        "services/agent/adapters/inbound.py",
        "$10, $11, $12)\n    ON CONFLICT DO NOTHING\n",
        "$10, $11, $12)\n",
        caught_in(_TESTS, "test_the_same_message_stored_twice_is_one"),
    ),
    Mutant(
        "fence-skipped",
        "A turn that is not the newest leaves nothing behind.",
        _TURNS,
        f"        return {_FENCE}\n",
        "        return True\n",
        caught_in(_TESTS, "test_a_raised_epoch_makes_the_turn_void"),
    ),
    Mutant(
        "epoch-ignored",
        "After a takeover the AI's turn is void.",
        _TURNS,
        _FENCE,
        "(head.version, head.turn_no) == (self.version, self.turn_no)",
        caught_in(_TESTS, "test_a_raised_epoch_makes_the_turn_void"),
    ),
    Mutant(
        "turn-number-ignored",
        "A turn that was begun anew elsewhere is void.",
        _TURNS,
        _FENCE,
        "(head.version, head.epoch) == (self.version, self.epoch)",
        caught_in(_HEADS_SUITE, "test_each_part_of_the_fence_counts"),
    ),
    Mutant(
        "version-ignored",
        "A turn that another commit has overtaken is void.",
        _TURNS,
        _FENCE,
        "(head.turn_no, head.epoch) == (self.turn_no, self.epoch)",
        caught_in(_HEADS_SUITE, "test_each_part_of_the_fence_counts"),
    ),
    Mutant(
        "void-turn-renewed",
        "Only open turns are renewed: a woken runner keeps others away from what it lost.",
        _DUE_HEADS,
        "\"WHERE t.turn_id = ANY ($1) AND t.state = 'open' \"",
        '"WHERE t.turn_id = ANY ($1) "',
        caught_in(
            "tests/integration/test_agent_leases.py",
            "test_a_turn_that_a_restart_has_voided_is_not_renewed",
        ),
    ),
    Mutant(
        "void-turn-commits",
        "A turn that was voided stays void, even before anybody begins anew.",
        _HEADS,
        "            \"WHERE turn_id = $1 AND state = 'open'\",\n",
        '            "WHERE turn_id = $1",\n',
        caught_in(_TESTS, "test_a_restarted_runner_voids_its_predecessors_turns_at_once"),
    ),
    Mutant(
        "begin-ignores-the-lease",
        "Only one runner has a turn at a time.",
        _PORT,
        "        leased = self.lease_time is not None and self.lease_time >= self.now\n",
        "        leased = False\n",
        caught_in(_TESTS, "test_twenty_begins_at_once_give_one_turn"),
    ),
    Mutant(
        "lease-never-expires",
        "A dead runner's batch is begun anew: it waits for ever.",
        _PORT,
        "        leased = self.lease_time is not None and self.lease_time >= self.now\n",
        "        leased = self.lease_time is not None\n",
        caught_in(_TESTS, "test_a_turn_that_was_begun_again_elsewhere_is_void_and_leaves_nothing"),
    ),
    Mutant(
        "lease-past-its-cap",
        "No lease is renewed past its turn's cap: a turn that hangs holds its customer for ever.",
        _DUE_HEADS,
        "least(now() + $2::interval, live.cap_time)",
        "now() + $2::interval",
        caught_in(_TESTS, "test_a_lease_is_renewed_for_open_turns_only_and_not_past_its_cap"),
    ),
    Mutant(
        "predecessor-not-voided",
        "A restarted runner gives its predecessor's turns back at once.",
        _DUE_HEADS,
        "split_part(runner, '/', 1) = split_part($1, '/', 1)",
        "runner = $1",
        caught_in(_TESTS, "test_a_restarted_runner_voids_its_predecessors_turns_at_once"),
    ),
    Mutant(
        "stale-state-believed",
        "A cached state counts only at the head's version.",
        _TURNS,
        "    if cached is not None and cached.version == head.version:\n",
        "    if cached is not None:\n",
        caught_in(_TESTS, "test_a_stale_cached_state_is_not_believed"),
    ),
    Mutant(
        "due-time-not-recomputed",
        "A commit leaves due what still waits, and nothing else.",
        _TURNS,
        "by a statement after the one that took the lock.\n        await self._recompute(transaction)\n",
        "by a statement after the one that took the lock.\n",
        caught_in(_TESTS, "test_a_turn_writes_conversation_ticket_answer_and_outbox_together"),
    ),
    Mutant(
        "batch-out-of-order",
        "A batch is in the order in which the customer wrote.",
        _HEADS,
        '            "ORDER BY create_time, handle_id, inbox_seq LIMIT $3",\n',
        '            "ORDER BY create_time DESC, handle_id, inbox_seq LIMIT $3",\n',
        caught_in(_TESTS, "test_a_burst_is_one_batch_in_order_and_another_channel_queues_behind"),
    ),
    Mutant(
        "failures-not-counted",
        "A batch that fails three times goes to a person.",
        _TURNS,
        '            if commit.outcome == "retried":\n',
        '            if commit.outcome == "never":\n',
        caught_in(_TESTS, "test_failures_are_counted_and_the_last_gives_the_batch_to_a_person"),
    ),
    Mutant(
        "begins-not-counted",
        "A batch that keeps killing its runner goes to a person.",
        _TURNS,
        "            if turn.begin_count > BEGINS:\n",
        "            if turn.begin_count < 0:\n",
        caught_in(_TESTS, "test_a_batch_that_kills_its_runners_is_given_up_without_a_model"),
    ),
    Mutant(
        "turn-role-sees-both-sides",
        "The turn role sees one side of one customer: a claim reads what was proved.",
        "migrations/0003_agent.sql",
        "::uuid '\n            'AND side = current_setting(''fte.side'', true))', relation);",
        "::uuid)', relation);",
        caught_in(
            "tests/integration/test_agent_sides.py",
            "test_the_turn_role_sees_one_side_of_one_customer",
        ),
    ),
)
