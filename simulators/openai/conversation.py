"""Owns the reading of a chat request: the last user text, what was called since, what is offered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.input import BadInputError


@dataclass(frozen=True, slots=True)
class Tool:
    """Holds one offered function: its name and the JSON schema of its parameters."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Holds what a reply depends on.

    `called` are the names of the tools called since the last user message, `results` the texts
    that they returned, in order.
    """

    user_text: str
    called: tuple[str, ...]
    results: tuple[str, ...]
    tools: tuple[Tool, ...]
    choice: Any

    @classmethod
    def read(cls, request: Mapping[str, Any]) -> "Conversation":
        """Reads a request of `/v1/chat/completions`.

        Raises:
            BadInputError: if messages or tools have the wrong form.
        """
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            raise BadInputError("messages is a list that is not empty")
        if not all(isinstance(message, Mapping) for message in messages):
            raise BadInputError("a message is a JSON object")
        last = max((at for at, m in enumerate(messages) if m.get("role") == "user"), default=-1)
        since: Sequence[Mapping[str, Any]] = messages[last + 1 :]
        calls = [call for message in since for call in message.get("tool_calls") or []]
        return cls(
            user_text=_text(messages[last].get("content")) if last >= 0 else "",
            called=tuple(call.get("function", {}).get("name", "") for call in calls),
            results=tuple(_text(m.get("content")) for m in since if m.get("role") == "tool"),
            tools=tuple(_tool(value) for value in request.get("tools") or []),
            choice=request.get("tool_choice"),
        )

    def tool(self, name: str) -> Tool | None:
        """Returns the offered tool of this name, or None."""
        return next((tool for tool in self.tools if tool.name == name), None)


def _tool(value: Any) -> Tool:
    function = value.get("function") if isinstance(value, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadInputError("a tool has a function with a name")
    return Tool(function["name"], function.get("parameters") or {})


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return "" if content is None else json.dumps(content)
