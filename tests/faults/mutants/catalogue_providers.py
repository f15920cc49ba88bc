"""Bugs in what an answer means, in what a witness proves, and in when something is sent again."""

from tests.faults.mutants.mutant import Mutant, caught_in

_TRANSITIONS = "services/delivery/domain/transitions.py"
_GMAIL = "services/delivery/adapters/gmail.py"
_TWILIO = "services/delivery/adapters/twilio.py"
_TRANSPORT = "services/delivery/adapters/transport.py"
_TABLES = "tests/unit/delivery/test_transitions.py"
_ANSWERS = "tests/unit/delivery/test_provider_answers.py"

PROVIDERS = (
    Mutant(
        "retry-on-timeout",
        "No answer is an unknown outcome: it is sent again blindly.",
        _TRANSPORT,
        '        return Unknown("no_answer")',
        '        return NotSent("no_answer", fault=True)',
        caught_in(_ANSWERS, "test_only_what_proves_it_counts_as_not_sent"),
    ),
    Mutant(
        "unknown-is-pending",
        "An unknown outcome goes to its witness: it goes back to be sent.",
        _TRANSITIONS,
        "            return _step(progress, State.UNKNOWN, wait=policy.interval, readings=0, error=reason)",
        "            return _step(progress, State.PENDING, wait=policy.interval, readings=0, error=reason)",
        caught_in(_TABLES, "test_an_outcome_moves_an_open_intent"),
    ),
    Mutant(
        "twilio-5xx-is-not-sent",
        "A 5xx proves nothing: Twilio's message is sent again although it may be out.",
        _TWILIO,
        '        return Unknown(f"status_{status}")',
        '        return NotSent(f"status_{status}", fault=True)',
        caught_in(_ANSWERS, "test_only_what_proves_it_counts_as_not_sent"),
    ),
    Mutant(
        "gmail-5xx-is-not-sent",
        "A 5xx proves nothing: the mail is sent again although it may be out.",
        _GMAIL,
        '        return Unknown(f"status_{status}")',
        '        return NotSent(f"status_{status}", fault=True)',
        caught_in(_ANSWERS, "test_only_what_proves_it_counts_as_not_sent"),
    ),
    Mutant(
        "rate-limit-retried-at-once",
        "A rate limit is waited for as long as the provider says.",
        _TRANSITIONS,
        "wait = outcome.retry_after\n",
        "wait = timedelta()\n",
        caught_in(_TABLES, "test_a_wait_that_the_provider_asked_for_is_kept"),
    ),
    Mutant(
        "retry-after-not-read",
        "Twilio's Retry-After is read.",
        _TWILIO,
        'raise RateLimited(answer.headers.get("retry-after", ""))',
        'raise RateLimited("0")',
        caught_in(_ANSWERS, "test_a_rate_limit_is_waited_for_as_long_as_the_provider_says"),
    ),
    Mutant(
        "idempotency-key-on-a-send",
        "No send carries a header that lets the sidecar's transport repeat it.",
        _TRANSPORT,
        "        try:\n            answer = await self._sidecar.http_binding(",
        '        kept["Idempotency-Key"] = path\n'
        "        try:\n            answer = await self._sidecar.http_binding(",
        caught_in(_ANSWERS, "test_no_send_carries_a_header_that_lets_a_transport_repeat_it"),
    ),
    Mutant(
        "search-trusted-as-witness",
        "Search is a hint: what it finds counts only with the intent's own header.",
        _GMAIL,
        "            _sent(message) for message in found if _intent_header(message) == _id(doubt.intent)",
        "            _sent(message) for message in found",
        caught_in(_ANSWERS, "test_what_a_search_finds_counts_only_with_the_intents_own_header"),
    ),
    Mutant(
        "thread-trusted-as-witness",
        "In its thread a mail counts only if it is ours or as new as the attempt.",
        _GMAIL,
        'if not _intent_header(message) and int(message.get("internalDate", 0)) >= since',
        "if not _intent_header(message)",
        caught_in(
            _ANSWERS,
            "test_in_its_thread_a_mail_counts_only_if_it_is_ours_or_as_new_as_the_attempt",
        ),
    ),
    Mutant(
        "witness-of-another-intent",
        "A message that another intent has is no witness of this one.",
        "services/delivery/application/reconcile.py",
        "        return Seen(tuple(s for s in sighting.candidates if s.provider_id not in taken))",
        "        return sighting",
        caught_in(
            "tests/integration/test_delivery_fences.py",
            "test_a_message_that_another_intent_has_is_no_witness_of_this_one",
        ),
    ),
    Mutant(
        "resend-after-one-reading",
        "A resend needs two separate negative readings.",
        _TRANSITIONS,
        "WANTED_READINGS = 2",
        "WANTED_READINGS = 1",
        caught_in(_TABLES, "test_a_negative_reading"),
    ),
    Mutant(
        "resend-within-the-window",
        "A resend waits until the witness's window is over.",
        _TRANSITIONS,
        "    if remaining > timedelta() or readings < WANTED_READINGS:",
        "    if readings < WANTED_READINGS:",
        caught_in(_TABLES, "test_a_negative_reading"),
    ),
    Mutant(
        "resend-although-never-resend",
        "Never resend means never.",
        _TRANSITIONS,
        "    if policy.never_resend or progress.resends >= policy.most_resends:",
        "    if progress.resends >= policy.most_resends:",
        caught_in(_TABLES, "test_a_negative_reading"),
    ),
    Mutant(
        "resend-without-end",
        "At most one resend follows an unknown outcome.",
        _TRANSITIONS,
        "    if policy.never_resend or progress.resends >= policy.most_resends:",
        "    if policy.never_resend:",
        caught_in(_TABLES, "test_a_negative_reading"),
    ),
    Mutant(
        "dead-worker-has-not-sent",
        "An attempt whose worker died may have sent.",
        _TRANSITIONS,
        '    return _step(progress, State.UNKNOWN, wait=policy.interval, readings=0, error="worker_died")',
        '    return _step(progress, State.PENDING, error="worker_died")',
        caught_in(_TABLES, "test_a_dead_worker_may_have_sent_unless_its_saved_step_is_missing"),
    ),
    Mutant(
        "old-attempt-decides",
        "Only the attempt under way may put an intent back: an earlier one's late failure does.",
        _TRANSITIONS,
        "    if progress.attempt != attempt or progress.state not in",
        "    if progress.state not in",
        caught_in(_TABLES, "test_only_a_sent_counts_from_an_earlier_attempt"),
    ),
    Mutant(
        "statuses-not-monotone",
        "A status never goes back: what was read fails afterwards.",
        _TRANSITIONS,
        "    if _RANK.get(status, 0) <= _RANK.get(progress.provider_status, 0):",
        "    if status == progress.provider_status:",
        caught_in(_TABLES, "test_statuses_are_monotone"),
    ),
)
