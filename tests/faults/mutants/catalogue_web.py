"""Bugs in the web channel: who may open a ticket, what is shown, and what a customer does there."""

from tests.faults.mutants.mutant import Mutant, caught_in

_PAGE = "tests/unit/intake/test_intake_status_page.py"
_SOLVED = "tests/contract/ports/test_solved.py"

WEB = (
    Mutant(
        "token-in-an-address",
        "What opens a ticket stands in no address that reaches us, and so in no log.",
        "services/intake/adapters/http/ticket_access.py",
        'bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")',
        'bearer.strip() or request.query_params.get("token", "")',
        caught_in(_PAGE, "test_a_wrong_token_and_an_unknown_ticket_look_the_same"),
    ),
    Mutant(
        "feed-forgets-what-was-seen",
        "A page that comes back is told only what it has not seen.",
        "services/intake/adapters/http/ticket_page.py",
        'seen = request.headers.get("last-event-id", "")[:_SEEN]',
        'seen = ""',
        caught_in(_PAGE, "test_the_feed_sends_what_the_page_has_not_seen"),
    ),
    Mutant(
        "waiting-message-shown-twice",
        "A message is on its page once, whether the agent has it or not.",
        "services/intake/adapters/ticket_reading.py",
        " if form.inbox_id not in ids]",
        "]",
        caught_in(_PAGE, "test_a_message_is_on_its_page_before_the_agent_has_it"),
    ),
    Mutant(
        "solved-asks-the-model",
        "Who calls a matter solved gets no answer to that.",
        "services/agent/application/turns.py",
        "if turn.batch[0].form_action in _MARKS:",
        "if False:",
        caught_in(_SOLVED, "test_solved_closes_the_matter_without_a_word"),
    ),
    Mutant(
        "old-form-opens-a-second-ticket",
        "A form that is written to after a day goes on under its ticket.",
        "services/agent/adapters/ticket_rows.py",
        '        "ON CONFLICT (ticket_id) DO UPDATE SET conversation_id = excluded.conversation_id, status = "\n'
        "        \"CASE tickets.status WHEN 'escalated' THEN 'escalated' ELSE 'in_progress' END, \"\n"
        '        "resolve_time = NULL, update_time = excluded.update_time",\n',
        '        "",\n',
        caught_in(
            _SOLVED,
            "test_a_form_whose_conversation_is_long_over_goes_on_under_its_ticket",
        ),
    ),
    Mutant(
        "person-forgotten-at-reopening",
        "What waited for a person waits for one again when it is reopened.",
        "services/agent/domain/decisions.py",
        "elif not solved and ticket.resolved and ticket.escalated:",
        "elif False:",
        caught_in(
            _SOLVED,
            "test_what_waited_for_a_person_waits_for_one_again_when_it_is_reopened",
        ),
    ),
)
