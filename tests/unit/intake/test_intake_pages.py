"""The pages without script: the form comes back with its errors, and a bookmark finds the confirmation again."""

import gzip
import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.intake.adapters.http.built_pages import BuiltPages, Html, filled
from services.intake.adapters.http.server import application
from services.intake.adapters.http.ticket_access import COOKIE
from services.intake.adapters.http.wording import LANGUAGES
from services.intake.application.form_limit import FormLimit
from tests.unit.intake.edge import GOOD, HTML, URL, Edge, Tickets, problem, web
from tests.unit.intake.intake_fakes import MemoryInbox

# What GOV.UK's guidance keeps out of error messages, in every language of the pages.
NOT_SAID = re.compile(
    r"please|sorry|invalid|oops|por favor|perd[oó]n|lo siento|inv[aá]lid|bitte|leider|ungültig|entschuldig"
    r"|s.il vous pla|veuillez|désolé|lamentamos|desculp|\b(?:4|5)\d\d\b",
    re.IGNORECASE,
)


async def test_a_form_without_script_leads_to_a_confirmation(edge: Edge) -> None:
    fields = {**GOOD, "idempotency_key": "page-1", "language": "de"}
    done = await edge.http.post("/support/submit", data=fields, headers=HTML)
    assert done.status_code == 303
    at = httpx.URL("http://127.0.0.1:8080/support/submit").join(done.headers["location"])
    assert at.query == b"lang=de"
    token = done.cookies.get(COOKIE) or done.headers["set-cookie"].split("=")[1].split(";")[0]
    assert token not in str(at)
    page = await edge.http.get(str(at), headers={**HTML, "cookie": f"{COOKIE}={token}"})
    assert page.text.startswith("de title=Ihre Nachricht ist bei uns")
    assert f"keep={URL}{at.path.partition('/received')[0]}#{token}" in page.text
    clean = await edge.http.get(str(at), headers=HTML)
    assert re.search(r"ref=FTE-\w{8}", clean.text)
    assert "unkept" in clean.text
    assert token not in clean.text
    assert clean.status_code == 200


async def test_a_double_click_is_one_message_and_a_changed_form_another(edge: Edge) -> None:
    fields = {**GOOD, "idempotency_key": "page-1"}
    first = await edge.http.post("/support/submit", data=fields, headers=HTML)
    again = await edge.http.post("/support/submit", data=fields, headers=HTML)
    assert first.headers["location"] == again.headers["location"]
    assert len(edge.inbox.messages) == 1
    changed = {**fields, "message": "Going back and writing another one."}
    await edge.http.post("/support/submit", data=changed, headers=HTML)
    assert len(edge.inbox.messages) == 2


async def test_a_confirmation_that_we_did_not_give_is_not_found(edge: Edge) -> None:
    path = f"/support/ticket/{uuid4()}/received/{'0' * 32}"
    problem(await edge.http.get(path), 404, "not-found")
    assert (await edge.http.get(path, headers=HTML)).status_code == 404


async def test_a_wrong_form_comes_back_with_everything_typed(edge: Edge) -> None:
    fields = {**GOOD, "name": "<b>", "email": "<ada>", "priority": "high", "category": "sales"}
    answer = await edge.http.post("/support/submit", data=fields, headers=HTML)
    assert answer.status_code == 422
    text = answer.text
    assert text.startswith("en title=Error: Contact support root=../")
    assert "<summary>[email: Enter an email address in the correct format" in text
    assert "[category: Select what" in text
    assert "<email=&lt;ada&gt; wrong=Enter an email" in text
    assert "<ada>" not in text
    assert "<name=&lt;b&gt;>" in text
    assert "<priority=high plain >" in text
    assert f"<message={GOOD['message']}>" in text


async def test_a_filled_trap_is_told_and_files_nothing(edge: Edge) -> None:
    answer = await edge.http.post("/support/submit", json={**GOOD, "website": "https://x.example"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == "website"
    assert edge.inbox.messages == []


async def test_a_choice_names_its_values_to_programs(edge: Edge) -> None:
    answer = await edge.http.post("/support/submit", json={**GOOD, "priority": "urgent"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error == {
        "field": "priority",
        "code": "choice",
        "message": "Select how urgent it is",
        "choices": "low, medium, high",
    }


async def test_forms_for_one_address_are_limited_whoever_it_is(edge: Edge) -> None:
    for number in range(30):
        form = {**GOOD, "subject": f"Question {number}"}
        assert (await edge.http.post("/support/submit", json=form)).status_code == 201
    answer = await edge.http.post("/support/submit", json=GOOD)
    problem(answer, 429, "too-many")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    other = {**GOOD, "email": "bea@example.com"}
    assert (await edge.http.post("/support/submit", json=other)).status_code == 201
    page = await edge.http.post("/support/submit", data=GOOD, headers=HTML)
    assert (page.status_code, "Wait a minute" in page.text) == (429, True)


def test_the_limit_lets_an_address_in_again_after_a_minute() -> None:
    now = [0.0]
    limit = FormLimit(2, lambda: now[0])
    assert [limit.wait("a"), limit.wait("a"), limit.wait("a")] == [0, 0, 60]
    now[0] = 59.0
    assert limit.wait("a") == 1
    now[0] = 60.0
    assert limit.wait("a") == 0


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("?lang=fr", "de", "fr"),
        ("?lang=xx", "de", "de"),
        ("", "pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("", "xx, en;q=0.2, es;q=0.7", "es"),
        ("", "de;q=0, *", "en"),
        ("", "", "en"),
        ("", ";;q=x,,", "en"),
    ],
)
async def test_the_page_speaks_the_readers_language(
    edge: Edge, asked: str, accepted: str, language: str
) -> None:
    headers = {**HTML, "accept-language": accepted}
    page = await edge.http.get(f"/{asked}", headers=headers)
    assert page.text.startswith(f"{language} title=")
    wrong = await edge.http.post(
        f"/support/submit{asked}", json={}, headers={"accept-language": accepted}
    )
    first = wrong.json()["errors"][0]
    assert first["message"] == LANGUAGES[language].say("errors.name.missing")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_error_says_what_to_do_and_nothing_else(language: str) -> None:
    errors = LANGUAGES[language]._texts["errors"]
    texts = [text for field in errors.values() for text in field.values()]
    assert len(texts) == len(set(texts))
    for text in texts:
        assert not NOT_SAID.search(text), text
        assert not text.endswith("."), text


def test_every_language_says_the_same_things() -> None:
    def names(texts: object, prefix: str = "") -> set[str]:
        if isinstance(texts, dict):
            return {n for key, value in texts.items() for n in names(value, f"{prefix}.{key}")}
        slots = re.findall(r"\{\w+\}", texts) if isinstance(texts, str) else []
        return {f"{prefix} {sorted(slots)}"}

    english = names(LANGUAGES["en"]._texts)
    assert len(LANGUAGES) == 5
    for words in LANGUAGES.values():
        assert names(words._texts) == english, words.language


def test_a_value_opens_no_slot_of_its_own() -> None:
    assert filled("<p>⟦a⟧⟦b⟧</p>", {"a": "⟦b⟧<", "b": Html("<i>")}) == "<p>⟦b⟧&lt;<i></p>"


async def test_assets_are_kept_for_ever_and_found_by_name_only(edge: Edge) -> None:
    answer = await edge.http.get("/support/assets/form-1.js")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(gzip.compress(answer.content)) == b"export {};" * 100
    for name in ("pages.json", "..%2fpages.json", "%2e%2e%2fpages.json", "none.js"):
        assert (await edge.http.get(f"/support/assets/{name}")).status_code == 404


async def test_without_built_pages_the_api_works_and_says_how_to_build(tmp_path: Path) -> None:
    routes = web(MemoryInbox(), Tickets(), BuiltPages(tmp_path))
    transport = httpx.ASGITransport(application(routes, []))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        page = await http.get("/", headers=HTML)
        assert "make web" in page.text
        answer = await http.post("/support/submit", json=GOOD, headers=HTML)
        assert answer.status_code == 201
        address, _, token = answer.json()["status_url"].removeprefix(URL).partition("#")
        opening = {**HTML, "authorization": f"Bearer {token}"}
        assert (await http.get(address, headers=opening)).json()["status"] == "received"
