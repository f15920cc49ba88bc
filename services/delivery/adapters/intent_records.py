"""Reads rows of the intent ledger into what the use cases know."""

import hashlib
from collections.abc import Sequence

import asyncpg

from services.delivery.adapters import mapping
from services.delivery.application.ports import Attempt, Receipt, Status
from services.delivery.domain.failures import plain_words
from services.delivery.domain.intent import Channel, Kind, Progress, State


def address_hash(recipient: str) -> bytes:
    """Returns what an address is compared by: it is kept in no other form beside the content."""
    return hashlib.sha256(recipient.strip().lower().encode()).digest()


def receipt(row: asyncpg.Record) -> Receipt:
    """Returns the newest receipt of a row."""
    state = State(row["state"])
    return Receipt(
        row["intent_id"],
        state,
        row["provider_id"] or "",
        row["provider_thread_id"] or "",
        row["internet_message_id"] or "",
        detail(state, row["error"]),
    )


def detail(state: State, error: str | None) -> str:
    """Returns in plain words why an intent was not sent; empty while open and of a sent one."""
    return plain_words(error or "") if state.final and state is not State.SENT else ""


def refused(rows: Sequence[asyncpg.Record]) -> tuple[Receipt, ...]:
    """Returns the receipts of rows that were cancelled or parked instead of being attempted."""
    return tuple(
        Receipt(
            row["intent_id"],
            State(row["state"]),
            detail=detail(State(row["state"]), row["error"]),
        )
        for row in rows
        if row["kind"] != Kind.WEB_NOTICE  # nobody waits for a notice
    )


def attempt(row: asyncpg.Record, seconds: float) -> Attempt:
    """Returns the attempt of a claimed row."""
    intent = mapping.stored_intent(row["content"], row["kind"])
    return Attempt(
        intent, row["attempts"], seconds, row["draft_id"] or "", claim_time=row["claim_time"]
    )


def progress(row: asyncpg.Record) -> Progress:
    """Returns what a decision about a row rests on."""
    return Progress(
        state=State(row["state"]),
        attempt=row["attempts"],
        resends=row["resends"],
        readings=row["witness_readings"],
        prepared=row["draft_id"] is not None,
        provider_id=row["provider_id"] or "",
        provider_status=row["provider_status"] or "",
        unknown_for=row["unknown_for"],
        age=row["age"],
    )


def status(row: asyncpg.Record) -> Status:
    """Returns a provider's status."""
    return Status(
        row_id=row["row_id"],
        channel=Channel(row["channel"]),
        provider_id=row["provider_id"],
        status=row["status"],
        error_code=row["error_code"],
        intent_id=row["named_intent"],
    )
