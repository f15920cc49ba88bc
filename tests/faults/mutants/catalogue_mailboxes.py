"""Bugs on the way of a mail: the push, the mailbox, who it is from, and what it goes on with."""

from tests.faults.mutants.mutant import Mutant, caught_in

_READING = "services/intake/application/mail_reading.py"
_PUSH = "services/intake/adapters/push_token.py"
_THREADS = "services/agent/adapters/mail_threads.py"
_TESTS = "tests/unit/intake/"
_READING_TESTS = _TESTS + "test_intake_mail_reading.py"
_PUSH_TESTS = _TESTS + "test_intake_push_token.py"
_THREAD_TESTS = "tests/integration/test_mail_threads.py"

MAILBOXES = (
    Mutant(
        "push-audience-among-others",
        "A push names exactly our audience: one among others counts.",
        _PUSH,
        '        if claims["aud"] != self._audience:\n',
        '        if self._audience not in claims["aud"]:\n',
        caught_in(_PUSH_TESTS, "test_a_wrong_claim_is_invalid"),
    ),
    Mutant(
        "push-of-any-account",
        "A genuine token of somebody else's subscription is refused.",
        _PUSH,
        '        if claims.get("email") != self._service_account:\n',
        '        if not claims.get("email"):\n',
        caught_in(_PUSH_TESTS, "test_another_account_is_foreign"),
    ),
    Mutant(
        "push-email-unverified",
        "An address that Google has not verified is nobody's.",
        _PUSH,
        '        if claims.get("email_verified") is not True:\n',
        '        if claims.get("email_verified") is None:\n',
        caught_in(_PUSH_TESTS, "test_another_account_is_foreign"),
    ),
    Mutant(
        "push-algorithm-of-the-callers-choice",
        "Only RS256 counts.",
        _PUSH,
        '        if header.get("alg") != "RS256":\n',
        '        if header.get("alg") == "none":\n',
        caught_in(_PUSH_TESTS, "test_other_algorithms_are_invalid"),
    ),
    Mutant(
        "push-accepted-by-stale-keys",
        "While the keys cannot be had nothing is accepted.",
        _PUSH,
        "return self._keys.get(kid) if self._age(self._fetched_at) <= KEYS_SECONDS else None",
        "return self._keys.get(kid)",
        caught_in(_PUSH_TESTS, "test_without_keys_nothing_passes"),
    ),
    Mutant(
        "push-forged-ids-fetch-each-time",
        "Key ids that anybody makes up cost one fetch in a while.",
        _PUSH,
        "            if self._age(self._tried_at) > REFETCH_SECONDS:\n",
        "            if True:\n",
        caught_in(
            _PUSH_TESTS,
            "test_an_unknown_key_is_looked_for_once",
            "test_forged_key_ids_cost_one_fetch_while_the_keys_cannot_be_had",
        ),
    ),
    Mutant(
        "push-from-any-subscription",
        "Only subscriptions on the list may push.",
        "services/intake/adapters/http/webhooks.py",
        '        if str(body.get("subscription")) not in self._subscriptions:\n',
        '        if not body.get("subscription"):\n',
        caught_in(
            _TESTS + "test_gmail_push.py", "test_a_push_from_another_subscription_is_foreign"
        ),
    ),
    Mutant(
        "resync-drops-the-gap",
        "A lost history loses no mail: what came in the gap is found by listing.",
        _READING,
        "        oldest_first = found[:RESYNC_MAILS][::-1]\n",
        "        oldest_first: list[str] = []\n",
        caught_in(
            _READING_TESTS,
            "test_a_lost_history_loses_no_mail_of_the_gap_and_answers_none_twice",
        ),
    ),
    Mutant(
        "resync-answers-old-mail",
        "A resync answers nothing that was there before we began.",
        _READING,
        "        since = max(started, (cursor.seen_time or started) - RESYNC_OVERLAP)\n",
        "        since = started - 30 * RESYNC_OVERLAP\n",
        caught_in(
            _READING_TESTS,
            "test_a_resync_answers_nothing_that_was_there_before_we_began",
            "test_a_resync_goes_back_to_the_newest_mail_that_was_seen",
        ),
    ),
    Mutant(
        "resync-without-a-guard",
        "A history that is never valid is listed at growing distance.",
        _READING,
        "    if cursor.resyncs == 0:\n",
        "    if cursor.resyncs >= 0:\n",
        caught_in(
            _READING_TESTS,
            "test_a_history_that_is_never_valid_does_not_loop_and_mails_are_answered_all_the_same",
        ),
    ),
    Mutant(
        "watch-renewed-at-its-end-only",
        "The watch is renewed once a day.",
        _READING,
        "RENEW_AFTER = timedelta(days=1)\n",
        "RENEW_AFTER = timedelta(days=6)\n",
        caught_in(_READING_TESTS, "test_the_watch_is_renewed_daily"),
    ),
    Mutant(
        "one-broken-mail-holds-all",
        "A mail that cannot be had holds those behind it for a few looks only.",
        _READING,
        "            if self._failed_fetches[message_id] < FETCH_TRIES:\n",
        "            if self._failed_fetches[message_id]:\n",
        caught_in(_READING_TESTS, "test_one_mail_that_cannot_be_had_holds_no_other_for_long"),
    ),
    Mutant(
        "own-mail-by-address-alone",
        "Our mail that comes back is known by its ids, whoever it says it is from.",
        _READING,
        "        if message.suppress_reason is None and await self._sent.has(\n",
        "        if mail.sender == self._address and await self._sent.has(\n",
        caught_in(
            _READING_TESTS,
            "test_own_mail_that_comes_back_is_known_by_its_ids_whoever_it_says_it_is_from",
        ),
    ),
    Mutant(
        "dmarc-any-of-several-results",
        "Gmail writes one result of a kind: a second one is of the sender's making.",
        "services/intake/application/mail.py",
        'return verdicts[0] if len(verdicts) == 1 else ""',
        'return verdicts[0] if len(verdicts) >= 1 else ""',
        caught_in(_TESTS + "test_intake_mail.py", "test_dmarc_is_believed_from_gmail_only"),
    ),
    Mutant(
        "thread-of-any-customer",
        "A mail finds only what its own sender began.",
        _THREADS,
        "    WHERE t.customer_id = $1 AND t.side = $2\n",
        "    WHERE coalesce($1::uuid, $1) IS NOT NULL AND t.side = $2\n",
        # Row-level security holds as well; the ledger role is asked without it.
        caught_in(_THREAD_TESTS, "test_a_lookup_names_customer_and_side_itself"),
    ),
    Mutant(
        "thread-beats-subject",
        "Another subject in an old thread is another matter.",
        "services/agent/domain/conversation.py",
        "        if thread is None or topic(mail_subject(message)) != thread.topic:\n",
        "        if thread is None:\n",
        caught_in(
            _THREAD_TESTS,
            "test_another_subject_in_an_old_thread_is_another_matter_of_the_same_customer",
        ),
    ),
    Mutant(
        "message-ids-not-kept",
        "In-Reply-To is known by the Message-ID that Gmail gave our mail.",
        "services/agent/adapters/mail_threads.py",
        "            if message_id:\n",
        "            if not message_id:\n",
        caught_in(
            _THREAD_TESTS,
            "test_in_reply_to_and_references_are_known_by_the_real_message_id",
        ),
    ),
    Mutant(
        "reply-from-the-first-mailbox",
        "A reply leaves from the mailbox that was written to.",
        "services/delivery/adapters/gmail.py",
        "        return intent.letter.mailbox.lower() or self._first\n",
        "        return self._first\n",
        caught_in(
            "tests/unit/delivery/test_mailboxes.py",
            "test_a_mail_leaves_from_the_mailbox_that_was_written_to",
        ),
    ),
)
