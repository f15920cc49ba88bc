"""Bugs in what WhatsApp asks of a sender: signatures of bodies, the window, STOP, and customers who write too fast."""

from tests.faults.mutants.mutant import Mutant, caught_in

_SIGNATURE = "tests/unit/intake/test_twilio_signature.py"
_WINDOW = "tests/unit/delivery/test_window.py"
_WISHES = "tests/contract/ports/test_wishes.py"
_FLOOD = "tests/contract/ports/test_flood.py"
_STATEMENTS = "services/delivery/adapters/statements.py"

WHATSAPP = (
    Mutant(
        "body-hash-unchecked",
        "A JSON body counts only under its own hash.",
        "services/intake/adapters/http/webhooks.py",
        "        if len(given) != 1 or not hmac.compare_digest(\n",
        "        if len(given) > 1 and not hmac.compare_digest(\n",
        caught_in(_SIGNATURE, "test_a_json_body_swapped_under_a_good_signature_is_refused"),
    ),
    Mutant(
        "forwarded-host-believed",
        "The signature is checked over the configured address alone.",
        "services/intake/adapters/http/webhooks.py",
        "        return self._public_url + (path",
        "        host = request.headers.get('x-forwarded-host')\n"
        "        return (f'https://{host}' if host else self._public_url) + (path",
        caught_in(_SIGNATURE, "test_a_spoofed_forwarded_header_opens_nothing"),
    ),
    Mutant(
        "window-without-guard",
        "Near its end a window counts as shut, because clocks differ.",
        "services/delivery/domain/window.py",
        "now < window_end_time - GUARD",
        "now < window_end_time",
        caught_in(
            _WINDOW,
            "test_no_free_text_leaves_in_the_last_minutes_or_later_whatever_the_moment",
        ),
    ),
    Mutant(
        "window-not-asked-for-again",
        "A customer who wrote meanwhile is answered in plain text.",
        "services/delivery/application/window_gate.py",
        "        if newest is not None and takes_free_text(newest, now):\n            return attempt\n",
        "",
        caught_in(_WINDOW, "test_a_customer_who_wrote_meanwhile_opened_it_again"),
    ),
    Mutant(
        "stop-not-heard",
        "Who said STOP gets nothing.",
        _STATEMENTS,
        "                    WHEN o.stopped THEN 'recipient_stopped'\n",
        "",
        caught_in(_WISHES, "test_nothing_goes_to_who_said_stop"),
    ),
    Mutant(
        "older-wish-counts",
        "Of two wishes the newer counts, in whatever order they come.",
        _STATEMENTS,
        "    WHERE excluded.wish_time > o.wish_time\n",
        "",
        caught_in(_WISHES, "test_the_newest_wish_counts_in_whatever_order_they_come"),
    ),
    Mutant(
        "flood-told-again-and-again",
        "A customer who writes too fast is told once.",
        "services/agent/application/turns.py",
        "        await transaction.told()\n",
        "",
        caught_in(_FLOOD, "test_beyond_it_the_customer_is_told_once_and_answered_together"),
    ),
    Mutant(
        "flood-answered-at-once",
        "What is beyond the pace waits and is answered together.",
        "services/agent/adapters/due_times.py",
        "ELSE greatest(p.due, least(p.too_many, p.first) + interval '1 minute') END",
        "ELSE p.due END",
        caught_in(_FLOOD, "test_beyond_it_the_customer_is_told_once_and_answered_together"),
    ),
)
