"""Bugs in the agent's loop: tools, budgets, refusals, senders in doubt, what is judged, recalled and asked."""

from tests.faults.mutants.mutant import Mutant, caught_in

_TESTS = "tests/unit/agent/"
_DOUBT = "tests/integration/test_conflicting_identity.py"

LOOP = (
    Mutant(
        "budget-ignored",
        "No model is asked beyond its budget.",
        "services/agent/application/metering.py",
        "if not self._metering.budgets.spent(own, self._day):",
        "if True:",
        caught_in(
            _TESTS + "test_metering.py", "test_a_days_budget_is_looked_at_before_the_first_call"
        ),
    ),
    Mutant(
        "failed-call-free",
        "A call that failed is charged with its retries.",
        "services/agent/application/think.py",
        "await self._meter.charge(error.usage)",
        "pass",
        caught_in(
            _TESTS + "test_metering.py", "test_a_call_that_failed_is_charged_with_its_retries"
        ),
    ),
    Mutant(
        "usage-of-others-seen",
        "The turn role sees one side of one customer only.",
        "migrations/0010_agent_usage.sql",
        "AND side = current_setting('fte.side', true));",
        "OR side = 'verified');",
        caught_in(
            "tests/integration/test_model_usage.py",
            "test_the_turn_role_sees_no_other_customers_use",
        ),
    ),
    Mutant(
        "searches-in-turn",
        "Searches of one reply run at the same time.",
        "services/agent/application/tools.py",
        "return -1 if tool is not None and tool.parallel else place",
        "return place",
        caught_in(
            _TESTS + "test_tools.py",
            "test_searches_of_one_reply_run_together_and_are_kept_in_their_order",
        ),
    ),
    Mutant(
        "refusal-as-text",
        "A model that refuses is not asked again.",
        "services/agent/application/think.py",
        "if reply.declined:",
        "if False:",
        caught_in(
            "tests/contract/test_openai_bad_replies.py", "test_a_refusal_goes_on_without_the_model"
        ),
    ),
    Mutant(
        "open-point-unsaid",
        "Each question of a batch is answered or named as open.",
        "services/agent/adapters/language_model_offline.py",
        "            if section is None\n        ]\n        return",
        "            if False\n        ]\n        return",
        caught_in(
            _TESTS + "test_offline.py", "test_a_burst_is_answered_once_with_every_question_covered"
        ),
    ),
    Mutant(
        "one-matter-a-conversation",
        "A mail with a new subject opens a matter of its own.",
        "services/agent/domain/conversation.py",
        "if same or threaded or begins_anew(subject):",
        "if False:",
        caught_in(
            _TESTS + "test_topics.py", "test_a_new_subject_opens_a_ticket_in_the_same_conversation"
        ),
    ),
    Mutant(
        "matters-mixed",
        "What was said in one matter silences nobody in another.",
        "services/agent/domain/turn.py",
        "return tuple(line for line in self.history if line.ticket_id == self.ticket_id)",
        "return self.history",
        caught_in(
            _TESTS + "test_think.py",
            "test_a_new_matter_is_asked_about_whatever_was_asked_in_another",
        ),
    ),
    Mutant(
        "doubt-dropped",
        "Who may be another person is answered by a person.",
        "services/agent/adapters/incoming.py",
        ", binding.conflicting)",
        ")",
        caught_in(
            _DOUBT, "test_the_new_holder_of_a_number_gets_a_person_and_nothing_of_the_old_one"
        ),
    ),
    Mutant(
        "number-decides",
        "The histories of a number's two holders are never mixed.",
        "services/identity/domain/customers.py",
        "return Binding(user.customer_id,",
        "return Binding(known.customer_id,",
        caught_in(
            _DOUBT, "test_the_new_holder_of_a_number_gets_a_person_and_nothing_of_the_old_one"
        ),
    ),
    Mutant(
        "no-numbers-judged",
        "A judge whose model gives no numbers has failed.",
        "services/agent/adapters/judge.py",
        "if not np.isfinite(vectors).all():",
        "if False:",
        caught_in(_TESTS + "test_judge_watch.py", "test_vectors_that_are_no_numbers_judge_nothing"),
    ),
    Mutant(
        "failed-judge-healthy",
        "Health says that nothing is judged.",
        "services/agent/adapters/judge_watch.py",
        "self._works = works",
        "self._works = True",
        caught_in(_TESTS + "test_judge_watch.py", "test_a_judge_that_hangs_has_failed"),
    ),
    Mutant(
        "long-past-forgotten",
        "Every earlier message is behind a line of the history's summary.",
        "services/agent/domain/history.py",
        "_summary(reversed(lines[len(kept) :]))",
        "_summary(reversed(lines[len(kept) : 40]))",
        caught_in(_TESTS + "test_history.py", "test_all_of_a_long_conversation_stays_represented"),
    ),
)
