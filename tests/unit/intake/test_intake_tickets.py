"""Ticket ids, references and links."""

import re
from uuid import UUID, uuid4

from services.intake.application.tickets import TicketLinks, reference

LINKS = TicketLinks("https://support.example.com", "s" * 32)


def test_a_reference_has_eight_characters_without_look_alikes() -> None:
    assert re.fullmatch(r"FTE-[0-9A-HJKMNP-TV-Z]{8}", reference(uuid4()))


def test_references_follow_from_the_ticket() -> None:
    ticket_id = UUID("0198c0de-0000-7000-8000-000000000001")
    assert reference(ticket_id) == reference(ticket_id)
    assert len({reference(uuid4()) for _ in range(1000)}) == 1000


def test_a_token_has_160_bits_and_opens_one_ticket_only() -> None:
    ticket_id, other = uuid4(), uuid4()
    token = LINKS.token(ticket_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{27}", token)
    assert LINKS.opens(ticket_id, token)
    assert not LINKS.opens(other, token)
    assert not LINKS.opens(ticket_id, "")
    assert not LINKS.opens(ticket_id, token + "é")
    assert not TicketLinks("https://support.example.com", "t" * 32).opens(ticket_id, token)


def test_the_link_carries_the_token_where_no_log_sees_it() -> None:
    ticket_id = uuid4()
    assert LINKS.status_url(ticket_id) == (
        f"https://support.example.com/support/ticket/{ticket_id}#{LINKS.token(ticket_id)}"
    )


def test_a_confirmations_seal_opens_no_ticket() -> None:
    ticket_id, other = uuid4(), uuid4()
    seal = LINKS.seal(ticket_id)
    assert LINKS.sealed(ticket_id, seal)
    assert not LINKS.sealed(other, seal)
    assert not LINKS.sealed(ticket_id, LINKS.token(ticket_id))
    assert not LINKS.opens(ticket_id, seal)


def test_a_key_gives_one_id_and_no_key_a_fresh_one() -> None:
    assert LINKS.ticket_id("k") == LINKS.ticket_id("k") != LINKS.ticket_id("l")
    assert LINKS.ticket_id("") != LINKS.ticket_id("")
    ticket_id = uuid4()
    assert LINKS.reply_id(ticket_id, "k") == LINKS.reply_id(ticket_id, "k")
    assert LINKS.reply_id(ticket_id, "") != LINKS.reply_id(ticket_id, "")
