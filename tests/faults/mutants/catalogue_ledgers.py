"""Bugs in the rows that stay open until the far end confirms them, and in the receipts that close them."""

from tests.faults.mutants.mutant import Mutant, caught_in

_LEDGER = "chassis/ledger.py"
_ROWS = "chassis/ledger_rows.py"
_TESTS = "tests/integration/test_chassis_ledger.py"
_CLAIMS = "tests/contract/ports/test_ledger_rows.py"

LEDGERS = (
    Mutant(
        "ledger-claim-without-skip-locked",
        "Sweepers never wait for each other: one held row stops them all.",
        _ROWS,
        "ORDER BY next_drive_time LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        "ORDER BY next_drive_time LIMIT $1 FOR NO KEY UPDATE",
        caught_in(_TESTS, "test_a_row_that_another_sweeper_holds_is_skipped_not_waited_for"),
    ),
    Mutant(
        "ledger-claim-leaves-drive-time",
        "A claimed row is nobody else's for a while: every sweep drives it again.",
        _ROWS,
        "            next_drive_time = now() + (0.9 + random() * 0.2) * CASE t.state",
        "            next_drive_time = t.next_drive_time + 0 * CASE t.state",
        caught_in(_CLAIMS, "test_an_open_row_is_driven_after_1_2_4_up_to_30_seconds"),
    ),
    Mutant(
        "ledger-settled-row-reopened",
        "Settled is the end: a late receipt opens the row again.",
        _ROWS,
        "WHERE {table.key} = ANY ($1) AND state <> 'settled' ORDER BY",
        "WHERE {table.key} = ANY ($1) ORDER BY",
        caught_in(_CLAIMS, "test_a_settled_row_is_closed_for_good"),
    ),
    Mutant(
        "ledger-stored-beats-settled",
        "A settled receipt beats a stored one of the same batch.",
        _LEDGER,
        "sorted(receipts, key=lambda r: r.settled)",
        "sorted(receipts, key=lambda r: not r.settled)",
        caught_in(_TESTS, "test_stored_and_settled_in_one_batch_are_settled"),
    ),
    Mutant(
        "ledger-closed-before-the-broker-has-it",
        "A row closes only on the far end's word: it closes although the publish failed.",
        _LEDGER,
        "                await self._publish(topic, of_topic)\n"
        "                if self._close_on_ack:\n"
        "                    await self.receive(",
        "                if self._close_on_ack:\n"
        "                    await self.receive([Receipt(row.row_id, settled=True) for row in of_topic])\n"
        "                await self._publish(topic, of_topic)\n"
        "                if self._close_on_ack:\n"
        "                    await self.receive(",
        caught_in(_TESTS, "test_an_event_without_a_far_end_closes_on_the_brokers_word"),
    ),
    Mutant(
        "ledger-no-sweep-after-silence",
        "A far end that is back gets what waited for it at once.",
        _LEDGER,
        "        if silent > self._silence_seconds:\n",
        "        if silent < 0:\n",
        caught_in(_TESTS, "test_the_first_receipt_after_silence_pulls_the_rest_forward"),
    ),
    Mutant(
        "inbound-receipt-stored-overtakes-settled",
        "The newest receipt wins: one from before the commit replaces the one that closes the row.",
        "services/agent/adapters/receipts.py",
        "overtaken = older is not None and older.settled and not receipt.settled",
        "overtaken = False",
        caught_in("tests/unit/agent/test_receipts.py", "test_a_settled_receipt_beats_a_stored_one"),
    ),
    Mutant(
        "receipt-stored-overtakes-settled",
        "The newest receipt wins: one read before the send replaces the one that closes the row.",
        "services/delivery/adapters/answers.py",
        "overtaken = older is not None and _is_settled(older) and not _is_settled(row)",
        "overtaken = False",
        caught_in(
            "tests/unit/delivery/test_answers.py",
            "test_a_stored_receipt_never_overtakes_a_settled_one",
        ),
    ),
)
