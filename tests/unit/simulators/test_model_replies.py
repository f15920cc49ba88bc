"""The model simulator's invention of arguments and its choice of tools."""

from typing import Any

import pytest

from simulators.input import BadInputError
from simulators.openai.arguments import invented
from simulators.openai.conversation import Conversation
from simulators.openai.scripts import walked


def talk(**request: Any) -> Conversation:
    return Conversation.read({"messages": [{"role": "user", "content": "How much?"}], **request})


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "How much?"),
        ({"type": "string", "maxLength": 3}, "How"),
        ({"type": ["string", "null"]}, "How much?"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "integer", "minimum": 4}, 4),
        ({"type": "boolean"}, False),
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2}, [1, 1]),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]},
         {"b": "How much?"}),
    ],
)  # fmt: skip
def test_arguments_fit_their_schema(schema: dict[str, Any], value: Any) -> None:
    assert invented(schema, talk()) == value


@pytest.mark.parametrize(
    ("request_part", "expected"),
    [
        ({"tools": [tool("send_response"), tool("create_ticket")]}, "create_ticket"),
        ({"tools": [tool("other")]}, None),
        ({"tools": [tool("other")], "tool_choice": "required"}, "other"),
        ({"tools": [tool("create_ticket")], "tool_choice": "none"}, None),
        ({"tools": [tool("create_ticket"), tool("other")], "tool_choice": tool("other")}, "other"),
    ],
)
def test_the_choice_of_tools_is_respected(
    request_part: dict[str, Any], expected: str | None
) -> None:
    calls = walked(talk(**request_part)).get("tool_calls", [])
    assert [call["name"] for call in calls] == ([expected] if expected else [])


@pytest.mark.parametrize("messages", [None, [], "x", ["x"]])
def test_messages_of_the_wrong_form_are_refused(messages: Any) -> None:
    with pytest.raises(BadInputError):
        Conversation.read({"messages": messages})
