"""Bugs in the durable inbox and in the webhooks before it."""

from tests.faults.mutants.mutant import Mutant, caught_in

_INBOX = "tests/contract/ports/test_inbox.py"
_SQL = "services/intake/adapters/inbox_sql.py"
_WEBHOOKS = "services/intake/adapters/http/webhooks.py"

INTAKE = (
    Mutant(
        "inbox-unique-key-dropped",
        "One provider id is one message: the table takes it twice.",
        "migrations/0001_intake.sql",
        "    settle_time     timestamptz,\n    UNIQUE (channel, account, provider_id)\n",
        "    settle_time     timestamptz\n",
        caught_in(_INBOX, "test_a_repeat_is_the_first_row_and_takes_no_number"),
    ),
    Mutant(
        "inbox-conflict-target-removed",
        "A repeated webhook is answered 2xx: it fails on the unique key.",
        _SQL,
        "        ON CONFLICT (channel, account, provider_id) DO NOTHING\n"
        "        RETURNING inbox_id, handle_id,",
        "        RETURNING inbox_id, handle_id,",
        caught_in(_INBOX, "test_a_repeat_is_the_first_row_and_takes_no_number"),
    ),
    Mutant(
        "inbox-repeat-counts-as-new",
        "One inbound event is one message: a repeat takes another number.",
        _SQL,
        "        ON CONFLICT (channel, account, provider_id) DO NOTHING\n"
        "        RETURNING inbox_id, handle_id,",
        "        ON CONFLICT (channel, account, provider_id) DO UPDATE SET raw = excluded.raw\n"
        "        RETURNING inbox_id, handle_id,",
        caught_in(_INBOX, "test_numbers_have_no_gaps_under_concurrent_repeats"),
    ),
    Mutant(
        "inbox-seq-counted-before-insert",
        "A sender's numbers have no gap: a repeat uses one up.",
        _SQL,
        "        FROM inserted AS i\n"
        "        WHERE h.handle_id = i.handle_id AND i.suppress_reason IS NULL\n",
        "        WHERE h.handle_id = $4 AND $9::text IS NULL\n",
        caught_in(_INBOX, "test_numbers_have_no_gaps_under_concurrent_repeats"),
    ),
    Mutant(
        "inbox-suppressed-takes-a-number",
        "A sender's numbers have no gap: what nobody works on uses one up.",
        _SQL,
        "WHERE h.handle_id = i.handle_id AND i.suppress_reason IS NULL",
        "WHERE h.handle_id = i.handle_id",
        caught_in(_INBOX, "test_a_suppressed_message_takes_no_number_and_is_settled"),
    ),
    Mutant(
        "ack-before-commit",
        "A webhook is answered 2xx only after its row is committed.",
        _WEBHOOKS,
        "        await self._inbox.accept(message)\n",
        "        __import__('asyncio').ensure_future(self._inbox.accept(message))\n",
        caught_in(
            "tests/integration/test_intake_webhook.py", "test_an_answer_means_a_committed_row"
        ),
    ),
    Mutant(
        "webhook-signature-unchecked",
        "A webhook proves where it comes from: anybody can write as any customer.",
        _WEBHOOKS,
        "        if not self._validator.validate(",
        "        if False and not self._validator.validate(",
        caught_in(
            "tests/unit/intake/test_intake_webhooks.py",
            "test_what_is_not_signed_by_our_account_is_refused",
        ),
    ),
)
