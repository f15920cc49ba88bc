"""The process that reads mails: it is killed when it takes too long, and what happens to it harms no other mail."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta

import psutil
import pytest
import uvloop

from services.intake.adapters import mail_worker
from services.intake.adapters.mail_reader import ProcessMailReader
from services.intake.application.mail import read_mail
from services.intake.application.ports import UnreadableMailError
from tests.unit.intake.test_mail_threats import BOMBS

HUMAN_MAIL = (
    b"From: Ada <ada@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nReferences: <a@b.c>\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello \xff\r\n\r\nOn 2 Mar 2026, Bob wrote:\r\n> hi\r\n"
    b"--x\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--x--\r\n"
)


@pytest.mark.parametrize("raw", [b"", HUMAN_MAIL, b"\0\xff" * 100, b"From: \xff <a@b.c>\n\n\xe4"])
def test_a_mail_goes_to_the_worker_and_back_unchanged(raw: bytes) -> None:
    mail = read_mail(raw)
    assert mail_worker.decode(mail_worker.encode(mail)) == mail


async def test_the_worker_reads_as_this_process_does() -> None:
    reader = ProcessMailReader()
    try:
        assert [await reader.read(HUMAN_MAIL) for _ in range(2)] == [read_mail(HUMAN_MAIL)] * 2
    finally:
        await reader.close()


async def test_a_mail_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    # The start of a process alone takes longer than this.
    reader = ProcessMailReader(longest=timedelta(milliseconds=1))
    with pytest.raises(UnreadableMailError, match="time"):
        await reader.read(HUMAN_MAIL)
    patient = ProcessMailReader()
    try:
        assert (await patient.read(HUMAN_MAIL)).sender == "ada@example.com"
    finally:
        await reader.close()
        await patient.close()


async def test_the_worker_survives_every_bomb() -> None:
    reader = ProcessMailReader()
    try:
        for limit, raw in BOMBS.items():
            assert limit in (await reader.read(raw)).limits
    finally:
        await reader.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_worker_that_died_meanwhile_costs_no_mail(
    run: Callable[[Coroutine[None, None, None]], None],
) -> None:
    run(_read_after_a_death())


async def _read_after_a_death() -> None:
    reader = ProcessMailReader()
    try:
        await reader.read(HUMAN_MAIL)
        worker = reader._worker
        assert worker is not None
        worker.kill()
        await worker.wait()
        assert (await reader.read(HUMAN_MAIL)).sender == "ada@example.com"
    finally:
        await reader.close()


async def test_the_event_loop_goes_on_while_a_large_mail_is_read() -> None:
    reader = ProcessMailReader()
    large = HUMAN_MAIL + b"x y z\r\n" * 3_000_000
    reading = asyncio.create_task(reader.read(large))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await reading).sender == "ada@example.com"
    assert turns > 100
    await reader.close()


def test_too_much_memory_ends_the_worker_alone() -> None:
    grab = "from services.intake.adapters.mail_worker import limit_memory; limit_memory(); len(bytes(400 << 20))"
    ended = subprocess.run(
        [sys.executable, "-c", grab],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MemoryError" in ended.stderr


async def test_the_worker_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTE_LINK_SECRET", "canary")
    reader = ProcessMailReader()
    await reader.read(HUMAN_MAIL)
    assert reader._worker is not None
    told = psutil.Process(reader._worker.pid).environ()
    await reader.close()
    assert "canary" not in told.values()
