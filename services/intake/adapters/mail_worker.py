"""The process that reads mails for intake: it holds no secret, opens nothing, and may be killed at any time.

Asked over stdin with a length and the raw mail, it answers over stdout with a length and the mail as JSON. What reads a
hostile mail for too long or with too much memory dies alone.
"""

import dataclasses
import json
import resource
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from services.intake.application.mail import Mail, read_mail
from services.intake.domain.bodies import Attachment

LENGTH = struct.Struct("<Q")
# Address space over what the process holds at its start: a mail of the greatest size, and its texts several times.
MEMORY_BYTES = 192 * 1024 * 1024


def encode(mail: Mail) -> bytes:
    """Returns a mail in the form in which the worker hands it out."""
    return json.dumps(dataclasses.asdict(mail)).encode()


def decode(data: bytes) -> Mail:
    """Reads that form; raises ValueError, KeyError or TypeError if it is none."""
    fields: dict[str, Any] = json.loads(data)
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    tables = {
        name: {key: tuple(values) for key, values in fields[name].items()}
        for name in ("headers", "enclosed")
    }
    attachments = tuple(Attachment(**one) for one in fields["attachments"])
    return Mail(**{**fields, **lists, **tables, "attachments": attachments})


def serve(asked: BinaryIO, answered: BinaryIO) -> None:
    """Reads mails until the other side closes."""
    while len(head := asked.read(LENGTH.size)) == LENGTH.size:
        answer = encode(read_mail(asked.read(LENGTH.unpack(head)[0])))
        answered.write(LENGTH.pack(len(answer)) + answer)
        answered.flush()


def limit_memory() -> None:
    """Bounds the address space from here on, where the system tells how much there is already."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    held = Path("/proc/self/statm")
    if held.exists():
        most = int(held.read_text().split()[0]) * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    limit_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)
