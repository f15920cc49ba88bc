"""The history: a request that nobody answered leaves its message in doubt, a refused one does not."""

import json
from pathlib import Path

from cli.outside import Mail, Ticket
from drill.evidence import sent_in_of
from drill.history import History, Message, Wish


def _message(key: str, channel: str = "whatsapp", wish: Wish = Wish.ANSWER) -> Message:
    known = "" if channel == "web_form" else key
    return Message(key, channel, f"sender of {key}", wish, known)


def test_acceptance_is_known_in_doubt_or_surely_not() -> None:
    history = History()
    accepted, doubtful, hanging, refused = map(_message, ("SM1", "SM2", "SM3", "SM4"))
    for message in (accepted, doubtful, hanging, refused):
        history.add(message)
    history.unknown(accepted, history.invoke(accepted), "ReadTimeout")
    history.ok(accepted, history.invoke(accepted))
    history.fail(doubtful, history.invoke(doubtful), "ConnectError")
    history.unknown(doubtful, history.invoke(doubtful), "503")
    history.invoke(hanging)
    history.fail(refused, history.invoke(refused), "ConnectError")
    sent_in = sent_in_of(history)
    assert set(sent_in.whatsapps) == {"SM1"}
    assert set(sent_in.in_doubt) == {"SM2", "SM3"}
    assert set(sent_in.refused) == {"SM4"}
    assert list(history.accepted()) == [accepted]


def test_a_form_is_known_by_its_ticket_and_until_then_by_its_subject() -> None:
    history = History()
    known, unknown = _message("form-1", "web_form"), _message("form-2", "web_form", Wish.PERSON)
    for message in (known, unknown):
        history.add(message)
    history.ok(known, history.invoke(known))
    known.ticket, known.provider_id = Ticket("t1", "FTE-1", "http://t1"), "t1"
    history.unknown(unknown, history.invoke(unknown), "503")
    sent_in = sent_in_of(history)
    assert set(sent_in.forms) == {"t1"}
    assert sent_in.forms_in_doubt == {"form-2"}
    assert sent_in.for_a_person == set()


def test_automatic_mail_is_told_apart() -> None:
    history = History()
    message = _message("g1", "email", Wish.SILENCE)
    message.mail = Mail("g1", "t", "<m>")
    history.add(message)
    history.ok(message, history.invoke(message))
    assert sent_in_of(history).automatic == {"g1"}


def test_the_written_history_has_every_request(tmp_path: Path) -> None:
    history, message = History(), _message("SM1")
    history.add(message)
    history.unknown(message, history.invoke(message), "503")
    history.ok(message, history.invoke(message), "200")
    history.write(tmp_path / "history.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [(line["step"], line["request"]) for line in lines] == [
        ("invoke", 1), ("unknown", 1), ("invoke", 2), ("ok", 2),
    ]  # fmt: skip
