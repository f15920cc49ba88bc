"""The status page: who may open it, what it shows, and what can be done there."""

import json
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.adapters.agent_tickets import Line, TicketView
from services.intake.adapters.http.ticket_access import COOKIE
from services.intake.adapters.http.wording import LANGUAGES
from tests.unit.intake.edge import GOOD, HTML, LINKS, URL, Edge, problem
from tests.unit.intake.intake_fakes import NOW


async def submitted(edge: Edge) -> tuple[str, dict[str, str]]:
    """A ticket's path and the header that opens it."""
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    address, _, token = given["status_url"].removeprefix(URL).partition("#")
    return address, {"authorization": f"Bearer {token}"}


async def test_the_status_page_shows_what_was_received(edge: Edge) -> None:
    path, headers = await submitted(edge)
    answer = await edge.http.get(path, headers=headers)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["complete"]) == ("received", True)
    assert [(m["speaker"], m["text"]) for m in body["messages"]] == [("You", GOOD["message"])]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]


async def test_a_message_is_on_its_page_before_the_agent_has_it(edge: Edge) -> None:
    path, headers = await submitted(edge)
    ticket_id = UUID(path.rpartition("/")[2])
    [row] = edge.inbox.ids.values()
    known = (Line("customer", "", GOOD["message"], NOW, message_id=row), Line("ai", "", "So.", NOW))
    edge.tickets.views[ticket_id] = TicketView(ticket_id, "FTE-ABCDEFGH", "in_progress", "S", known)
    await edge.http.post(f"{path}/reply", json={"message": "And now?"}, headers=headers)
    body = (await edge.http.get(path, headers=headers)).json()
    assert [m["text"] for m in body["messages"]] == [GOOD["message"], "So.", "And now?"]


async def test_while_the_agent_is_away_the_page_shows_what_we_have(edge: Edge) -> None:
    path, headers = await submitted(edge)
    edge.tickets.away = True
    body = (await edge.http.get(path, headers=headers)).json()
    assert (body["complete"], len(body["messages"])) == (False, 1)
    page = await edge.http.get(path, headers={**headers, **HTML})
    assert "<incomplete>" in page.text
    assert (await edge.http.post(f"{path}/person", headers=headers)).status_code == 201


async def test_the_agents_word_counts_once_it_knows(edge: Edge) -> None:
    ticket_id = uuid4()
    lines = (
        Line("customer", "", "How?", NOW),
        Line("ai", "", "<b>So.</b>", NOW, "sent"),
        Line("human", "Bea", "And so.", NOW, "sent"),
        Line("ai", "", "Again.", NOW, "sent"),
    )
    edge.tickets.views[ticket_id] = TicketView(ticket_id, "FTE-ABCDEFGH", "escalated", "S", lines)
    path, bearer = f"/support/ticket/{ticket_id}", LINKS.token(ticket_id)
    headers = {"authorization": f"Bearer {bearer}"}
    body = (await edge.http.get(path, headers=headers)).json()
    assert [m["speaker"] for m in body["messages"]] == [
        "You", "Digital assistant (AI)", "Bea, support team", "Digital assistant (AI)",
    ]  # fmt: skip
    assert "member of our team" in body["status_text"]
    page = await edge.http.get(path, headers={**headers, **HTML})
    assert "{Digital assistant (AI)|&lt;b&gt;So.&lt;/b&gt;}(Bea, support team joined" in page.text
    assert "answers again){Digital" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


async def test_a_wrong_token_and_an_unknown_ticket_look_the_same(edge: Edge) -> None:
    path, headers = await submitted(edge)
    known, unknown = UUID(path.rpartition("/")[2]), uuid4()
    right = headers["authorization"].removeprefix("Bearer ")
    asked = [
        (known, LINKS.token(unknown)),
        (known, ""),
        (unknown, LINKS.token(unknown)),
        ("x", "y"),
    ]
    bodies = []
    for ticket, token in asked:
        bearer = {"authorization": f"Bearer {token}"}
        for what in ("", "/events"):
            body = problem(
                await edge.http.get(f"/support/ticket/{ticket}{what}", headers=bearer),
                404,
                "not-found",
            )
            bodies.append({name: value for name, value in body.items() if name != "instance"})
        for action in ("reply", "person", "solved", "reopen"):
            answer = await edge.http.post(
                f"/support/ticket/{ticket}/{action}", json={"message": "x"}, headers=bearer
            )
            problem(answer, 404, "not-found")
    # What stands in an address is in logs: there it opens nothing.
    problem(await edge.http.get(f"{path}?token={right}"), 404, "not-found")
    assert all(body == bodies[0] for body in bodies)
    assert len(edge.inbox.messages) == 1


async def test_a_browser_without_the_token_is_asked_for_it_whatever_the_ticket(edge: Edge) -> None:
    path, _ = await submitted(edge)
    unknown = f"/support/ticket/{uuid4()}"
    pages = [
        (await edge.http.get(one, headers=HTML)).text.replace(one.rpartition("/")[2], "ID")
        for one in (path, unknown)
    ]
    assert pages[0] == pages[1]
    assert GOOD["message"] not in pages[0]


@pytest.mark.parametrize("pasted", ["code", "link", "link from elsewhere"])
async def test_a_pasted_link_lets_a_browser_in(edge: Edge, pasted: str) -> None:
    path, headers = await submitted(edge)
    token = headers["authorization"].removeprefix("Bearer ")
    code = token if pasted == "code" else f" {URL}{path}?lang=de#{token}\n"
    at = f"/support/ticket/{uuid4()}" if pasted == "link from elsewhere" else path
    answer = await edge.http.post(f"{at}/open", data={"code": code}, headers=HTML)
    assert answer.status_code == 303
    assert (
        str(httpx.URL(f"http://x{at}/open").join(answer.headers["location"])) == f"http://x{path}"
    )
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", "secure", f"path=/fte{path}"):
        assert part in cookie
    assert token not in answer.headers["location"]
    page = await edge.http.get(path, headers={**HTML, "cookie": f"{COOKIE}={token}"})
    assert f"{{You|{GOOD['message']}}}" in page.text


@pytest.mark.parametrize(("code", "told"), [("", "Enter the link"), ("x" * 27, "whole link")])
async def test_a_wrong_code_is_told_the_same_for_every_ticket(
    edge: Edge, code: str, told: str
) -> None:
    path, _ = await submitted(edge)
    pages = []
    for one in (path, f"/support/ticket/{uuid4()}"):
        answer = await edge.http.post(f"{one}/open", data={"code": code}, headers=HTML)
        assert (answer.status_code, told in answer.text) == (422, True)
        assert "set-cookie" not in answer.headers
        pages.append(answer.text.replace(one.rpartition("/")[2], "ID"))
    assert pages[0] == pages[1]


async def test_a_reply_goes_into_the_same_ticket(edge: Edge) -> None:
    path, opening = await submitted(edge)
    headers = {**opening, "idempotency-key": "r1"}
    first = await edge.http.post(f"{path}/reply", json={"message": "Any news?"}, headers=headers)
    again = await edge.http.post(f"{path}/reply", json={"message": "Any news?"}, headers=headers)
    assert (first.status_code, first.content) == (201, again.content)
    other = await edge.http.post(f"{path}/reply", json={"message": "Other"}, headers=headers)
    problem(other, 409, "idempotency-mismatch")
    empty = await edge.http.post(f"{path}/reply", json={"message": " "}, headers=headers)
    assert problem(empty, 422, "invalid-fields")["errors"] == [
        {"field": "message", "code": "missing", "message": "Enter your reply"}
    ]
    asked, reply = edge.inbox.messages
    assert reply.handle == asked.handle
    assert reply.web_form == asked.web_form
    assert (reply.body, reply.subject, reply.assurance) == ("Any news?", "Password", "claimed")
    page = await edge.http.post(
        f"{path}/reply", data={"message": "From the page"}, headers={**opening, **HTML}
    )
    assert (page.status_code, page.headers["location"]) == (303, f"../{path.rpartition('/')[2]}")
    shown = (await edge.http.get(path, headers=opening)).json()
    assert [m["text"] for m in shown["messages"]] == [GOOD["message"], "Any news?", "From the page"]


async def test_an_empty_reply_comes_back_with_the_thread(edge: Edge) -> None:
    path, headers = await submitted(edge)
    page = await edge.http.post(f"{path}/reply", data={"message": ""}, headers={**headers, **HTML})
    assert page.status_code == 422
    assert "title=Error: Request" in page.text
    assert "[reply: Enter your reply]" in page.text
    assert GOOD["message"] in page.text


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("action", ["person", "solved", "reopen"])
async def test_an_action_is_a_message_in_the_ledger(edge: Edge, action: str, language: str) -> None:
    path, headers = await submitted(edge)
    body = {"language": language}
    answer = await edge.http.post(f"{path}/{action}", json=body, headers=headers)
    assert answer.status_code == 201
    message = edge.inbox.messages[-1]
    assert message.web_form is not None
    assert message.web_form.action == action
    assert message.body == LANGUAGES[language].say(f"actions.{action}")


async def test_an_action_pressed_twice_is_one(edge: Edge) -> None:
    path, headers = await submitted(edge)
    keyed = {**headers, "idempotency-key": "a1"}
    first = await edge.http.post(f"{path}/solved", headers=keyed)
    assert first.content == (await edge.http.post(f"{path}/solved", headers=keyed)).content
    problem(await edge.http.post(f"{path}/person", headers=keyed), 409, "idempotency-mismatch")
    same_words = {"message": LANGUAGES["en"].say("actions.solved")}
    typed = await edge.http.post(f"{path}/reply", json=same_words, headers=keyed)
    problem(typed, 409, "idempotency-mismatch")
    assert len(edge.inbox.messages) == 2


async def test_reopening_with_words_is_a_reply(edge: Edge) -> None:
    path, headers = await submitted(edge)
    body = {"message": "It fails again"}
    await edge.http.post(f"{path}/reopen", json=body, headers=headers)
    message = edge.inbox.messages[-1]
    assert message.web_form is not None
    assert (message.web_form.action, message.body) == (None, "It fails again")


async def test_nothing_new_is_told_in_a_few_bytes(edge: Edge) -> None:
    path, headers = await submitted(edge)
    first = await edge.http.get(path, headers=headers)
    asked = {**headers, "if-none-match": first.headers["etag"]}
    assert (await edge.http.get(path, headers=asked)).status_code == 304
    await edge.http.post(f"{path}/reply", json={"message": "More"}, headers=headers)
    assert (await edge.http.get(path, headers=asked)).status_code == 200


async def test_the_feed_sends_what_the_page_has_not_seen(edge: Edge) -> None:
    path, headers = await submitted(edge)
    stream = (await edge.http.get(f"{path}/events", headers=headers)).text
    [event] = [part for part in stream.split("\n\n") if part.startswith("event: ticket")]
    lines = dict(line.split(": ", 1) for line in event.splitlines())
    assert json.loads(lines["data"]) == (await edge.http.get(path, headers=headers)).json()
    seen = {**headers, "last-event-id": lines["id"]}
    quiet = (await edge.http.get(f"{path}/events", headers=seen)).text
    assert "event: ticket" not in quiet
    assert ": still here" in quiet
    await edge.http.post(f"{path}/reply", json={"message": "More"}, headers=headers)
    stream = (await edge.http.get(f"{path}/events", headers=seen)).text
    assert stream.count("event: ticket") == 1
    assert "More" in stream
