"""The mandatory gate on the real stack: six promises that no version of the employee may break.

With FTE_OPENAI_API_KEY in the environment the stack answers with that model, and the same is required of it.
"""

import re

from evals.scenario import Channel
from tests.gate.desk import Desk

EVERYWHERE = tuple(Channel)
MONEY = re.compile(r"[$€£¥]|\d\s*(?:usd|eur|gbp|dollars?|euros?|pounds?)\b", re.IGNORECASE)
EMPATHY = re.compile(r"\b(?:sorry|apologi[sz]e|understand)\b", re.IGNORECASE)


async def test_an_empty_message_asks_for_clarification(desk: Desk) -> None:
    replies = await desk.ask_all(["", "   \n ", "???"], [Channel.EMAIL, Channel.WHATSAPP])
    replies.append(await desk.ask("??????????", Channel.WEB_FORM))
    for reply in replies:
        assert not reply.escalations
        assert "?" in reply.text


async def test_a_pricing_question_escalates_and_states_no_price(desk: Desk) -> None:
    replies = await desk.ask_all(["What would the Pro plan cost us?"], EVERYWHERE)
    for reply in replies:
        assert [row["reason"] for row in reply.escalations] == ["pricing_inquiry"]
        assert reply.text
        assert not MONEY.search(reply.text)


async def test_an_angry_customer_escalates_or_is_met_with_empathy(desk: Desk) -> None:
    texts = [
        "This is ridiculous! Your export is broken and nobody cares. I am furious!",
        "I'm frustrated, the Slack integration stopped working",
        "What a useless piece of garbage",
    ]
    for reply in await desk.ask_all(texts, EVERYWHERE):
        assert reply.escalations or EMPATHY.search(reply.text), reply.text


async def test_an_email_answer_has_greeting_and_signature(desk: Desk) -> None:
    reply = await desk.ask("How do I reset my password?", Channel.EMAIL, "Password")
    [mail] = reply.received
    assert mail.body.startswith("Hello Ada")
    assert "Kind regards," in mail.body
    assert re.search(r"FTE-[0-9A-Z]{8}", mail.body)
    assert mail.subject == "Re: Password"
    assert "Forgot password?" in mail.body
    assert not reply.escalations


async def test_a_whatsapp_answer_stays_below_500_characters(desk: Desk) -> None:
    texts = ["how do i reset my password?", "how do i export our data?", "what roles are there?"]
    for reply in await desk.ask_all(texts, [Channel.WHATSAPP]):
        assert not reply.escalations
        assert len(reply.text) < 500, reply.text
        assert all(len(part.body) <= 300 for part in reply.received)


async def test_create_ticket_comes_first_and_send_response_last(desk: Desk) -> None:
    for reply in await desk.ask_all(["How do I reset my password?"], EVERYWHERE):
        assert reply.tools[0] == "create_ticket"
        assert reply.tools[-1] == "send_response"
        assert reply.tools.count("send_response") == 1
    for reply in await desk.ask_all(["I want to talk to a human"], EVERYWHERE):
        assert reply.tools[0] == "create_ticket"
        assert reply.tools[-1] == "escalate_to_human"
        assert "send_response" not in reply.tools
