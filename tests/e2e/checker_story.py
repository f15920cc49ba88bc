"""The evidence of a small drill in which nothing went wrong, and the ways to make it tell something else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cli.outside import Line, Mail, Sent, Ticket
from drill.evidence import Evidence, Ledgers, SentIn
from fte.agent.v1 import agent_service_pb2
from fte.intake.v1 import intake_service_pb2

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NUMBER, ADDRESS = "+12025550001", "person1@example.com"
MAIL = Mail("gmail1", "thread1", "<m1@example.com>")
TICKET = Ticket(str(uuid4()), "FTE-00000001", "http://127.0.0.1/support/ticket/1?token=t")


class Story:
    """Two WhatsApp messages in two turns, a mail and a form, all answered once."""

    def __init__(self) -> None:
        self.sent_in = SentIn(
            whatsapps={"SM1": NUMBER, "SM2": NUMBER},
            mails={MAIL.gmail_id: (MAIL, ADDRESS)},
            forms={TICKET.ticket_id: TICKET},
        )
        self.inbox: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.turns: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []
        self.mails: list[Sent] = []
        self.parts: list[Sent] = []
        self.pages = {TICKET.ticket_id: [Line("customer", "?", NOW), Line("ai", "form", NOW)]}
        handle, conversation = uuid4(), uuid4()
        self._message("SM1", "whatsapp", NUMBER, handle, 1, conversation)
        self._message("SM2", "whatsapp", NUMBER, handle, 2, conversation)
        self._message(MAIL.gmail_id, "email", ADDRESS, uuid4(), 1, uuid4())
        self._message(TICKET.ticket_id, "web_form", "form@example.com", uuid4(), 1, uuid4())

    def evidence(self) -> Evidence:
        return Evidence(
            self.sent_in,
            Ledgers(
                self.inbox,
                self.messages,
                self.answers,
                self.turns,
                self.notices,
                self.attempts,
            ),
            self.mails,
            self.parts,
            self.pages,
        )

    def _message(
        self, key: str, channel: str, sender: str, handle: UUID, seq: int, conversation: UUID
    ) -> None:
        inbox_id, turn_id, text = uuid4(), uuid4(), f"answer to {key}"
        self.inbox.append(
            {
                "inbox_id": inbox_id,
                "channel": channel,
                "provider_id": key,
                "state": "settled",
                "outcome": "answered",
                "suppress_reason": None,
                "content": b"",
                "accept_time": NOW,
                "sender": sender,
                "handle_id": handle,
                "inbox_seq": seq,
            }
        )
        self.messages.append(
            {
                "message_id": inbox_id,
                "turn_id": turn_id,
                "conversation_id": conversation,
                "outcome": "answered",
                "turn_state": "committed",
                "end_time": NOW + timedelta(seconds=seq),
            }
        )
        content = agent_service_pb2.OutboundMessage(text=text)
        content.recipient.value = sender
        self.answers.append(
            {
                "message_id": uuid4(),
                "turn_id": turn_id,
                "channel": channel,
                "outbox_id": uuid4(),
                "outbox_state": "settled",
                "content": content.SerializeToString(),
                "conversation_id": conversation,
                "send_seq": seq,
                "intent_state": "SENT",
                "provider_id": f"sent {key}",
                "kind": "answer",
                "resends": 0,
                "attempts": 1,
                "error": None,
                "final_time": NOW + timedelta(seconds=seq),
            }
        )
        self.turns.append({"turn_id": turn_id, "message_ids": [inbox_id]})
        in_mail = channel == "email"
        sent = Sent(
            time=NOW,
            provider_id=f"sent {key}",
            to=sender,
            subject="Re: x" if in_mail else "",
            body=text + "\r\n",
            thread_id=MAIL.thread_id if in_mail else "",
            in_reply_to=MAIL.message_id if in_mail else "",
        )
        if in_mail:
            self.mails.append(sent)
        elif channel == "whatsapp":
            self.parts.append(sent)

    def tell_to_wait(self, send_seq: int) -> None:
        """Tells the writer of the WhatsApp messages to wait, in a turn that takes no message."""
        key = f"wait {send_seq}"
        answer, part = self.answers[0], self.parts[0]
        self.answers.append(
            {
                **answer,
                "message_id": uuid4(),
                "turn_id": uuid4(),
                "outbox_id": uuid4(),
                "send_seq": send_seq,
                "provider_id": key,
                "kind": "wait_notice",
                "final_time": NOW + timedelta(seconds=send_seq),
            }
        )
        self.parts.append(replace(part, provider_id=key))

    def doubt(self, nth: int, outcome: str = "unknown") -> None:
        """Lets the first attempt of a part end unknown."""
        intent_id = self.answers[nth]["outbox_id"]
        self.attempts.append(
            {"intent_id": intent_id, "attempt": 1, "outcome": outcome, "detail": "status_503"}
        )

    def add_form(self, subject: str) -> None:
        """Lets a form be in whose acceptance nobody saw."""
        ticket = str(uuid4())
        self._message(ticket, "web_form", "doubt@example.com", uuid4(), 1, uuid4())
        message = intake_service_pb2.InboundMessage(subject=subject)
        self.inbox[-1]["content"] = message.SerializeToString()

    def end(self, nth: int, outcome: str) -> None:
        """Gives one message and its agent's row an outcome."""
        self.inbox[nth]["outcome"] = self.messages[nth]["outcome"] = outcome

    def send_twice(self, nth: int) -> None:
        """Lets a provider have taken a WhatsApp part once more."""
        self.parts.append(replace(self.parts[nth], provider_id="sent again"))

    def suppress(self, nth: int) -> None:
        """Lets a message be suppressed, and nothing come of it."""
        self.inbox[nth] |= {"outcome": "suppressed", "suppress_reason": "auto_reply"}
        self.inbox[nth] |= {"handle_id": None, "inbox_seq": None}
        del self.messages[nth], self.answers[nth], self.turns[nth]
