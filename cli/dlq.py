"""Owns `fte dlq`: dead letters to look at, to try again or to close, over the agent's local gRPC port.

Exit codes of its own: 0 done, 1 refused or not found, 2 no agent answers.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table

from chassis.errors import NotFound, ServiceError, Unavailable, from_rpc_error
from devstack.environment import Environment
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import agent_service_pb2_grpc
from fte.conversation.v1 import conversation_pb2

DONE, REFUSED, NO_STACK = 0, 1, 2
_CALL_SECONDS: Final = 5.0
_PAGE: Final = 200


class DeadLetterCalls:
    """The agent's calls with the local key; each raises a `ServiceError` of the chassis."""

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._stub = agent_service_pb2_grpc.AgentServiceStub(channel)
        self._options: dict[str, Any] = {
            "timeout": _CALL_SECONDS,
            "metadata": (("x-api-key", key),),
        }

    async def list(self, *, include_closed: bool) -> list[wire.DeadLetter]:
        """Returns all, oldest first."""
        found: list[wire.DeadLetter] = []
        token = ""
        while True:
            request = wire.ListDeadLettersRequest(
                page_size=_PAGE, page_token=token, include_closed=include_closed
            )
            with _errors():
                page = await self._stub.ListDeadLetters(request, **self._options)
            found += page.dead_letters
            token = page.next_page_token
            if not token:
                return found

    async def get(self, dead_letter_id: str) -> wire.GetDeadLetterResponse:
        """Returns one with its messages."""
        with _errors():
            return await self._stub.GetDeadLetter(
                wire.GetDeadLetterRequest(dead_letter_id=dead_letter_id), **self._options
            )

    async def replay(self, dead_letter_id: str, *, dry_run: bool) -> int:
        """Makes one due again; returns the number of its messages."""
        request = wire.ReplayDeadLetterRequest(dead_letter_id=dead_letter_id, validate_only=dry_run)
        with _errors():
            return (await self._stub.ReplayDeadLetter(request, **self._options)).messages

    async def drop(self, dead_letter_id: str, *, dry_run: bool) -> None:
        """Closes one."""
        request = wire.DropDeadLetterRequest(dead_letter_id=dead_letter_id, validate_only=dry_run)
        with _errors():
            await self._stub.DropDeadLetter(request, **self._options)


Work = Callable[[DeadLetterCalls], Awaitable[int]]


async def run(environment: Environment, work: Work) -> int:
    """Runs one subcommand against the local stack; returns the exit code."""
    settings = environment.service("agent")
    address = f"127.0.0.1:{settings['FTE_LOCAL_GRPC_PORT']}"
    async with grpc.aio.insecure_channel(address) as channel:
        return await answered(work, DeadLetterCalls(channel, settings["FTE_API_KEY"]))


async def answered(work: Work, calls: DeadLetterCalls) -> int:
    """Runs one subcommand; returns the exit code, and says on stderr what went wrong."""
    try:
        return await work(calls)
    except Unavailable as error:
        _say(f"the agent does not answer ({error.message}); start the stack with `fte up`")
        return NO_STACK
    except NotFound:
        _say("there is no such dead letter; `fte dlq list --closed` shows all")
        return REFUSED
    except ServiceError as error:
        wrong = getattr(error, "violations", ())
        _say("; ".join(f"{v.field}: {v.description}" for v in wrong) or error.message)
        return REFUSED


async def show_list(calls: DeadLetterCalls, *, closed: bool, as_json: bool) -> int:
    """Prints the dead letters that wait, or all of them."""
    found = await calls.list(include_closed=closed)
    if as_json:
        _print_json([_as_json(letter) for letter in found])
        return DONE
    if not found:
        _say("no dead letters" if closed else "no open dead letters")
        return DONE
    table = Table(box=None, pad_edge=False)
    for heading in ("dead letter", "given up (UTC)", "state", "channel", "messages", "error"):
        table.add_column(heading, no_wrap=True)
    for letter in found:
        shown = _as_json(letter)
        table.add_row(
            letter.dead_letter_id,
            shown["create_time"][:19].replace("T", " "),
            letter.state,
            shown["channel"],
            str(len(letter.message_ids)),
            letter.error,
        )
    _console().print(table)
    return DONE


async def show_one(calls: DeadLetterCalls, dead_letter_id: str, *, as_json: bool) -> int:
    """Prints one dead letter with what the customer wrote."""
    found = await calls.get(dead_letter_id)
    shown = _as_json(found.dead_letter)
    messages = [
        {
            "message_id": message.message_id,
            "create_time": _time(message.create_time),
            "content": message.content,
        }
        for message in found.messages
    ]
    if as_json:
        _print_json({**shown, "messages": messages})
        return DONE
    for name, value in shown.items():
        if value not in ("", None) and name != "message_ids":
            print(f"{name.replace('_', ' '):<16} {value}")
    for entry in messages:
        print(f"\nmessage {entry['message_id']} of {entry['create_time']}\n{entry['content']}")
    return DONE


async def replay(
    calls: DeadLetterCalls, dead_letter_id: str, *, every: bool, dry_run: bool, as_json: bool
) -> int:
    """Makes one dead letter due again, or every open one; one that is refused stops none of the others."""
    ids = [dead_letter_id]
    if every:
        ids = [letter.dead_letter_id for letter in await calls.list(include_closed=False)]
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for one in ids:
        try:
            messages = await calls.replay(one, dry_run=dry_run)
        except Unavailable:
            raise
        except ServiceError as error:
            if not every:
                raise
            refused.append({"dead_letter_id": one, "reason": error.message})
            continue
        done.append({"dead_letter_id": one, "messages": messages})
    if as_json:
        _print_json({"dry_run": dry_run, "replayed": done, "refused": refused})
    else:
        for entry in done:
            tense = "would become due" if dry_run else "made due"
            print(f"{entry['dead_letter_id']}: {_messages(entry['messages'])} {tense} again")
        for entry in refused:
            _say(f"{entry['dead_letter_id']}: {entry['reason']}")
        if not ids:
            _say("no open dead letters")
    return REFUSED if refused else DONE


async def drop(calls: DeadLetterCalls, dead_letter_id: str, *, dry_run: bool, as_json: bool) -> int:
    """Closes one dead letter; its ticket stays with a person."""
    await calls.drop(dead_letter_id, dry_run=dry_run)
    if as_json:
        _print_json({"dry_run": dry_run, "dropped": dead_letter_id})
    else:
        print(f"{dead_letter_id}: {'would be' if dry_run else 'is'} dropped; its ticket stays")
    return DONE


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


def _as_json(letter: wire.DeadLetter) -> dict[str, Any]:
    channel = conversation_pb2.Channel.Name(letter.channel).removeprefix("CHANNEL_").lower()
    return {
        "dead_letter_id": letter.dead_letter_id,
        "state": letter.state,
        "channel": channel,
        "error": letter.error,
        "attempts": letter.attempts,
        "create_time": _time(letter.create_time),
        "close_time": _time(letter.close_time) if letter.HasField("close_time") else None,
        "ticket_id": letter.ticket_id,
        "customer_id": letter.customer_id,
        "message_ids": list(letter.message_ids),
    }


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime(UTC).isoformat(timespec="milliseconds")


def _messages(count: int) -> str:
    return f"{count} message{'' if count == 1 else 's'}"


def _console() -> Console:
    console = Console(highlight=False)
    # A pipe has no width: nothing may be cut off.
    return console if console.is_terminal else Console(highlight=False, width=200)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


def _say(line: str) -> None:
    print(f"fte: {line}", file=sys.stderr)
