"""Reads mails in processes of their own, which are killed when a mail takes too long."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from datetime import timedelta

from services.intake.adapters.mail_worker import LENGTH, decode
from services.intake.application.mail import Mail
from services.intake.application.ports import UnreadableMailError
from services.intake.domain.mime import MAIL_BYTES

# Ten times what the largest of the mails at hand take; a start of Python is a part of the first one.
MAIL_TIME = timedelta(seconds=10)
# An answer holds texts and headers only, all of them bounded.
_LONGEST_ANSWER = 64 * 1024 * 1024
# So many mails are read by one process, in case that reading leaves something behind.
_MAILS = 1_000
# What reading from a worker that died, or writing to it, raises, uvloop's RuntimeError among it; and an answer that is
# none.
_CRASHED = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError)


class ProcessMailReader:
    """Reads one mail at a time in a worker that is started when it is needed and again after it died."""

    def __init__(self, longest: timedelta = MAIL_TIME) -> None:
        self._longest = longest.total_seconds()
        self._turn = asyncio.Lock()
        self._worker: Process | None = None
        self._read = 0

    async def read(self, raw: bytes) -> Mail:
        """Reads a mail without holding the event loop.

        Raises:
            UnreadableMailError: if the worker took too long, ran out of memory or died over it.
        """
        # A byte more than is read tells the worker that there was more.
        raw = raw[: MAIL_BYTES + 1]
        async with self._turn:
            try:
                return await self._attempt(raw)
            except _CRASHED:
                # The worker may have died before, of something else.
                pass
            try:
                return await self._attempt(raw)
            except _CRASHED as error:
                raise UnreadableMailError("memory") from error

    async def _attempt(self, raw: bytes) -> Mail:
        if self._read >= _MAILS:
            await self._end()
        worker = self._worker or await self._start()
        finished = False
        try:
            async with asyncio.timeout(self._longest):
                mail = decode(await _ask(worker, raw))
            finished = True
        except TimeoutError:
            raise UnreadableMailError("time") from None
        finally:
            self._read += 1
            if not finished:
                # What the worker would still say belongs to this mail.
                await self._end()
        return mail

    async def close(self) -> None:
        """Ends the worker."""
        async with self._turn:
            await self._end()

    async def _start(self) -> Process:
        # Nothing of our environment goes along: the worker reads what strangers wrote.
        self._worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.intake.adapters.mail_worker",
            stdin=PIPE,
            stdout=PIPE,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
            limit=_LONGEST_ANSWER,
        )
        self._read = 0
        return self._worker

    async def _end(self) -> None:
        worker, self._worker, self._read = self._worker, None, 0
        if worker is None:
            return
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


async def _ask(worker: Process, raw: bytes) -> bytes:
    if worker.stdin is None or worker.stdout is None:
        raise EOFError
    worker.stdin.write(LENGTH.pack(len(raw)))
    worker.stdin.write(raw)
    await worker.stdin.drain()
    (length,) = LENGTH.unpack(await worker.stdout.readexactly(LENGTH.size))
    if length > _LONGEST_ANSWER:
        raise ValueError("the answer is too long")
    return await worker.stdout.readexactly(length)
