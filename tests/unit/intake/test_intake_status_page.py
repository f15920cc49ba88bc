"""The status page: who may open it, what it shows, and replies."""

from uuid import UUID, uuid4

from services.intake.adapters.agent_tickets import Line, TicketView
from tests.unit.intake.edge import (
    GOOD,
    HTML,
    LINKS,
    URL,
    Edge,
    problem,
)
from tests.unit.intake.intake_fakes import NOW


async def test_the_status_page_shows_what_was_received(edge: Edge) -> None:
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    answer = await edge.http.get(given["status_url"].removeprefix(URL))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["reference"]) == ("received", given["reference"])
    assert [(m["speaker"], m["text"]) for m in body["messages"]] == [("You", GOOD["message"])]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]


async def test_the_agents_word_counts_once_it_knows(edge: Edge) -> None:
    ticket_id = uuid4()
    lines = (
        Line("customer", "", "How?", NOW),
        Line("ai", "", "<b>So.</b>", NOW, "sent"),
        Line("human", "Bea", "And so.", NOW, "sent"),
    )
    edge.tickets.views[ticket_id] = TicketView(ticket_id, "FTE-ABCDEFGH", "escalated", "S", lines)
    path, bearer = f"/support/ticket/{ticket_id}", LINKS.token(ticket_id)
    headers = {"authorization": f"Bearer {bearer}"}
    body = (await edge.http.get(path, headers=headers)).json()
    assert [m["speaker"] for m in body["messages"]] == ["You", "Digital assistant", "Bea"]
    assert "member of our team" in body["status_text"]
    page = await edge.http.get(path, headers={**headers, **HTML})
    assert "&lt;b&gt;So." in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_wrong_token_and_an_unknown_ticket_look_the_same(edge: Edge) -> None:
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    known, unknown = UUID(given["ticket_id"]), uuid4()
    asked = [
        f"/support/ticket/{known}?token={LINKS.token(unknown)}",
        f"/support/ticket/{known}",
        f"/support/ticket/{unknown}?token={LINKS.token(unknown)}",
        f"/support/ticket/{unknown}?token=x",
        "/support/ticket/none?token=x",
    ]
    bodies = []
    for path in asked:
        body = problem(await edge.http.get(path), 404, "not-found")
        bodies.append({name: value for name, value in body.items() if name != "instance"})
        assert (
            await edge.http.post(path.replace("?", "/reply?"), json={"message": "x"})
        ).status_code in (404, 405)
    assert all(body == bodies[0] for body in bodies)
    assert len(edge.inbox.messages) == 1


async def test_a_reply_goes_into_the_same_ticket(edge: Edge) -> None:
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    path = f"/support/ticket/{given['ticket_id']}/reply"
    token_ = given["status_url"].partition("token=")[2]
    headers = {"authorization": f"Bearer {token_}", "idempotency-key": "r1"}
    first = await edge.http.post(path, json={"message": "Any news?"}, headers=headers)
    again = await edge.http.post(path, json={"message": "Any news?"}, headers=headers)
    assert (first.status_code, first.content) == (201, again.content)
    problem(
        await edge.http.post(path, json={"message": "Other"}, headers=headers),
        409,
        "idempotency-mismatch",
    )
    problem(
        await edge.http.post(path, json={"message": " "}, headers=headers), 422, "invalid-fields"
    )
    asked, reply = edge.inbox.messages
    assert reply.handle == asked.handle
    assert reply.web_form == asked.web_form
    assert (reply.body, reply.subject, reply.assurance) == ("Any news?", "Password", "claimed")
    page = await edge.http.post(
        path, params={"token": token_}, data={"message": "From the page"}, headers=HTML
    )
    assert page.status_code == 303
    assert page.headers["location"] == f"../{given['ticket_id']}?token={token_}"
    shown = (await edge.http.get(f"/support/ticket/{given['ticket_id']}?token={token_}")).json()
    assert [m["text"] for m in shown["messages"]] == [GOOD["message"], "Any news?", "From the page"]
