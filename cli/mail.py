"""`fte mail inspect`: says of raw mails what the system would take them for, with nothing else running."""

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from services.intake.adapters.mail_reader import ProcessMailReader
from services.intake.application.mail import Mail, read_head
from services.intake.application.mail_kinds import kind, suppress_reason
from services.intake.application.ports import UnreadableMailError


def run_inspect(files: Iterable[Path], ours: str) -> int:
    """Prints what each file is taken for; returns 1 if one cannot be read."""
    return asyncio.run(_inspect(files, ours))


async def _inspect(files: Iterable[Path], ours: str) -> int:
    reader = ProcessMailReader()
    failed = False
    try:
        for file in files:
            try:
                raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
            except OSError as error:
                failed = True
                print(f"fte: cannot read {file}: {error.strerror}", file=sys.stderr)
                continue
            print(json.dumps({"file": str(file), **await inspected(reader, raw, ours)}), flush=True)
    finally:
        await reader.close()
    return 1 if failed else 0


async def inspected(reader: ProcessMailReader, raw: bytes, ours: str) -> dict[str, object]:
    """Returns what one raw mail is taken for; a mail that cannot be read is judged by its headers alone."""
    readable = True
    try:
        read = await reader.read(raw)
    except UnreadableMailError as error:
        readable = False
        read = read_head(raw, str(error))
    return _described(read, len(raw), ours, readable=readable)


def _described(read: Mail, size: int, ours: str, *, readable: bool) -> dict[str, object]:
    found = kind(read, frozenset(), ours)
    reason = suppress_reason(read, frozenset(), ours)
    return {
        "class": found.mail_class.value,
        "why": found.why,
        "suppressed": reason.value if reason else "",
        "needs_person": not readable or (reason is not None and reason.value == "no_sender"),
        "sender": read.sender,
        "sender_name": read.sender_name,
        "evidence": {
            "dmarc": read.dmarc or "none",
            "assurance": "verified" if read.dmarc_passed else "claimed",
            "reply_to": read.reply_to,
            "reply_to_differs": bool(read.reply_to) and read.reply_to != read.sender,
        },
        "subject": read.subject,
        "text": read.text,
        "quoted_text": read.quoted,
        "signature": read.signature,
        "hidden_text": read.hidden,
        "attachments": [
            {"name": one.name, "type": one.content_type, "size": one.size}
            for one in read.attachments
        ],
        "message_id": read.message_id,
        "references": list(read.references),
        "size": size,
        "limits_hit": list(read.limits),
    }
