"""Owns the bodies of send and draft requests: JSON with a raw field, media and multipart uploads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from starlette.requests import Request

from simulators.gmail import mime
from simulators.gmail.errors import GmailError


@dataclass(frozen=True, slots=True)
class Submitted:
    """Holds what a request asks to send or keep: raw mail, thread and draft, where given."""

    raw: bytes | None
    thread_id: str | None
    draft_id: str | None


async def submitted(request: Request, *, draft: bool) -> Submitted:
    """Reads a request's mail; a draft's message lies one level deeper than a message.

    Raises:
        GmailError: 400, if the body has the wrong form.
    """
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    match request.query_params.get("uploadType") if "/upload/" in request.url.path else None:
        case None:
            return _from_json(body, draft=draft)
        case "media":
            return Submitted(body, None, None)
        case "multipart":
            metadata, raw = _related(body, content_type)
            described = _from_json(metadata, draft=draft)
            return Submitted(raw, described.thread_id, described.draft_id)
    raise GmailError(400, "uploadType is media or multipart")


def _from_json(body: bytes, *, draft: bool) -> Submitted:
    try:
        value: Any = json.loads(body or b"{}")
    except ValueError as exc:
        raise GmailError(400, "Invalid JSON payload received.") from exc
    message = value.get("message", {}) if draft and isinstance(value, Mapping) else value
    if not isinstance(message, Mapping):
        raise GmailError(400, "Invalid JSON payload received.")
    raw = message.get("raw")
    try:
        mail = mime.decoded(raw) if raw else None
    except (ValueError, AttributeError) as exc:
        raise GmailError(400, "Invalid value for ByteString") from exc
    return Submitted(mail, message.get("threadId"), value.get("id") if draft else None)


def _related(body: bytes, content_type: str) -> tuple[bytes, bytes]:
    described = Message()
    described["Content-Type"] = content_type
    boundary = described.get_boundary()
    pieces = body.split(b"--" + boundary.encode()) if boundary else []
    # Before the first boundary and after the last there is nothing of interest.
    contents = [_without_head(piece) for piece in pieces[1:-1]]
    try:
        metadata, raw = contents
    except ValueError as exc:
        raise GmailError(400, "multipart/related needs metadata and one message") from exc
    return metadata, raw


def _without_head(piece: bytes) -> bytes:
    piece = piece.removeprefix(b"\r").removeprefix(b"\n")
    line = b"\r\n" if b"\r\n\r\n" in piece else b"\n"
    return piece.partition(line + line)[2].removesuffix(b"\n").removesuffix(b"\r")
