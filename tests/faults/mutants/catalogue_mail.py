"""Bugs in the reading of mails: machines that are answered, senders that are believed, text that nobody saw."""

from tests.faults.mutants.mutant import Mutant, caught_in

_THREATS = "tests/unit/intake/test_mail_threats.py"
_READING = "tests/unit/intake/test_intake_mail_reading.py"
_MAIL = "services/intake/application/mail.py"

MAIL = (
    Mutant(
        "mail-loop-not-counted",
        "Loops of machines end: a mail too many is answered all the same.",
        "services/intake/domain/loops.py",
        "        if counts[0] >= MOST_SHORT or counts[1] >= MOST_LONG:",
        "        if counts[0] < 0:",
        caught_in(_THREATS, "test_two_bots_stop_where_the_words_change_too"),
    ),
    Mutant(
        "mail-likeness-not-seen",
        "Loops of machines end: ever the same mail is answered ever again.",
        "services/intake/domain/loops.py",
        "    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)",
        "    return 0.0",
        caught_in(_THREATS, "test_two_bots_without_headers_and_a_rotating_sender_stop"),
    ),
    Mutant(
        "mail-verdict-of-anybody-believed",
        "Only our own receiver proves a sender: the sender's own line does.",
        _MAIL,
        '    verdict = _QUOTED_TEXT.sub("", results[0])',
        '    verdict = _QUOTED_TEXT.sub("", results[-1])',
        caught_in(_THREATS, "test_a_spoofed_sender_is_a_claim"),
    ),
    Mutant(
        "mail-hidden-text-read",
        "Text is what a person sees: white on white is read as well.",
        "services/intake/domain/html_text.py",
        "        if element.look.hidden:",
        "        if element.look.gone:",
        caught_in(_THREATS, "test_hidden_text_is_flagged_and_not_read"),
    ),
    Mutant(
        "mail-unreadable-lost",
        "No mail is lost: one that cannot be read is passed over.",
        "services/intake/application/mail_taking.py",
        "            return to_unreadable(fetched, mail, self._address), mail",
        "            raise LookupError from error",
        caught_in(_READING, "test_a_mail_that_cannot_be_read_goes_to_a_person_with_its_original"),
    ),
    Mutant(
        "mail-bounce-answered",
        "Machines get no answer: a delivery report is taken for a person's mail.",
        "services/intake/domain/mail_kinds.py",
        "    for question in (_own, _report, _automatic, _list, _unread):",
        "    for question in (_own, _automatic, _list, _unread):",
        caught_in("tests/unit/intake/test_mail_fixtures.py", "test_a_mail_is_read_as_it_should"),
    ),
    Mutant(
        "mail-worker-never-killed",
        "A hostile mail takes bounded time: the worker is waited for without end.",
        "services/intake/adapters/mail_reader.py",
        "            async with asyncio.timeout(self._longest):",
        "            async with asyncio.timeout(None):",
        caught_in(
            "tests/unit/intake/test_intake_mail_worker.py",
            "test_a_mail_that_takes_too_long_is_given_up_and_the_next_is_read",
        ),
    ),
)
