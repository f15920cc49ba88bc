"""Owns what the model says: scripted replies, and the support walk where no script fits.

A scripted reply is a JSON object:

    match       regular expression searched in the last user text, case ignored; absent fits all
    content     text of the reply
    tool_calls  list of `{"name", "arguments"}`; arguments is an object or, for spoilt JSON, a text
    times       how often it is used, default 1, null = always
    status, body, headers   answer with this HTTP status instead
    delay_seconds           wait before the answer
    finish_reason, usage    in place of the computed ones

The first reply in order of posting that fits and is not used up is given.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from simulators.database import Database
from simulators.input import BadInputError
from simulators.openai.arguments import invented
from simulators.openai.conversation import Conversation

WALK: Final = (
    "create_ticket",
    "get_customer_history",
    "search_knowledge_base",
    "send_response",
)
_FIELDS: Final = frozenset(
    {"match", "content", "tool_calls", "times", "status", "body", "headers", "delay_seconds",
     "finish_reason", "usage"}
)  # fmt: skip


class Script:
    """Holds the scripted replies, across restarts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._replies: list[dict[str, Any]] = database.kept("script", [])

    def add(self, replies: Any) -> None:
        """Appends replies.

        Raises:
            BadInputError: if one has the wrong form; the text says which.
        """
        if not isinstance(replies, list):
            raise BadInputError("a script is a list of replies")
        self._replies.extend(_checked(reply) for reply in replies)
        self._save()

    def clear(self) -> None:
        """Forgets all replies."""
        self._replies.clear()
        self._save()

    def shown(self) -> list[dict[str, Any]]:
        """Returns the replies with `used`, the number of times each was given."""
        return list(self._replies)

    def reply(self, talk: Conversation) -> dict[str, Any]:
        """Returns the scripted reply that fits, or the next step of the support walk."""
        for scripted in self._replies:
            times = scripted["times"]
            if times is not None and scripted["used"] >= times:
                continue
            if re.search(scripted.get("match") or "", talk.user_text, re.IGNORECASE) is None:
                continue
            scripted["used"] += 1
            self._save()
            return scripted
        return walked(talk)

    def _save(self) -> None:
        self._database.keep("script", self._replies)


def walked(talk: Conversation) -> dict[str, Any]:
    """Returns the next step without a script: each support tool once in order, then a text."""
    name = _next_tool(talk)
    tool = talk.tool(name) if name else None
    if tool is None:
        return {"content": "Your request has been handled."}
    return {"tool_calls": [{"name": tool.name, "arguments": invented(tool.parameters, talk)}]}


def _next_tool(talk: Conversation) -> str | None:
    if isinstance(talk.choice, Mapping):
        return str(talk.choice.get("function", {}).get("name", ""))
    if talk.choice == "none":
        return None
    offered = [tool.name for tool in talk.tools]
    left = [name for name in WALK if name in offered and name not in talk.called]
    if left:
        return left[0]
    return offered[0] if talk.choice == "required" and offered else None


def _checked(reply: Any) -> dict[str, Any]:
    if not isinstance(reply, Mapping):
        raise BadInputError("a reply is a JSON object")
    if unknown := set(reply) - _FIELDS:
        raise BadInputError(f"unknown fields: {', '.join(sorted(unknown))}")
    try:
        re.compile(reply.get("match") or "")
    except (re.error, TypeError) as exc:
        raise BadInputError(f"match is not a regular expression: {exc}") from exc
    calls = reply.get("tool_calls") or []
    if not all(isinstance(call, Mapping) and isinstance(call.get("name"), str) for call in calls):
        raise BadInputError("a tool call has a name")
    return {"times": 1, **reply, "used": 0}
