"""Owns the invention of tool arguments that fit a JSON schema and the conversation."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from simulators.openai.conversation import Conversation

_ANSWER: Final = re.compile(r"message|body|content|answer|reply|response|draft")
_CITED: Final = re.compile(r"id|cit|chunk|source|evidence")
_SHOWN: Final = 600
_FALLBACK: Final = "Thank you for your message. We are looking into it."


def invented(schema: Mapping[str, Any], talk: Conversation, name: str = "") -> Any:
    """Returns a value that fits the schema; texts come from the customer or from tool results."""
    fixed = [schema[key] for key in ("const", "default") if key in schema]
    fixed += schema.get("enum", [])
    if fixed:
        return fixed[0]
    variants = schema.get("anyOf") or schema.get("oneOf")
    return invented(variants[0], talk, name) if variants else _typed(schema, talk, name)


def _typed(schema: Mapping[str, Any], talk: Conversation, name: str) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    makers: dict[str, Callable[[], Any]] = {
        "object": lambda: _members(schema, talk),
        "array": lambda: _items(schema, talk, name),
        "integer": lambda: schema.get("minimum", 1),
        "number": lambda: schema.get("minimum", 1),
        "boolean": lambda: False,
        "null": lambda: None,
        "string": lambda: _fitted(schema, _words(name, talk)),
    }
    return makers[kind[0] if isinstance(kind, list) else kind]()


def _members(schema: Mapping[str, Any], talk: Conversation) -> dict[str, Any]:
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    return {key: invented(value, talk, key) for key, value in properties.items() if key in required}


def _items(schema: Mapping[str, Any], talk: Conversation, name: str) -> list[Any]:
    wanted = schema.get("items", {})
    if wanted.get("type") in ("string", None) and _CITED.search(name):
        return list(_identifiers(talk))[: schema.get("maxItems", 3)]
    return [invented(wanted, talk, name) for _ in range(schema.get("minItems", 0))]


def _words(name: str, talk: Conversation) -> str:
    if not _ANSWER.search(name):
        return " ".join(_spoken(talk.user_text).split())[:_SHOWN] or "question"
    found = next(_texts(talk), None)
    return _FALLBACK if found is None else found[:_SHOWN]


def _spoken(user_text: str) -> str:
    """The text inside a user turn that wraps it in a JSON object; any other turn as it is."""
    try:
        wrapped = json.loads(user_text)
    except ValueError:
        return user_text
    text = wrapped.get("text") if isinstance(wrapped, dict) else None
    return text if isinstance(text, str) else user_text


def _fitted(schema: Mapping[str, Any], text: str) -> str:
    return text[: schema.get("maxLength", _SHOWN)].ljust(schema.get("minLength", 0), ".")


def _texts(talk: Conversation) -> Iterator[str]:
    for value in _values(talk):
        for key in ("content", "text", "body"):
            if isinstance(value.get(key), str) and value[key]:
                yield value[key]


def _identifiers(talk: Conversation) -> Iterator[str]:
    for value in _values(talk):
        for key in ("chunk_id", "id", "citation_id"):
            if isinstance(value.get(key), str | int):
                yield str(value[key])
                break


def _values(talk: Conversation) -> Iterator[Mapping[str, Any]]:
    """Walks the objects of the last result that holds any, which is the newest search."""
    for result in reversed(talk.results):
        try:
            waiting = [json.loads(result)]
        except ValueError:
            continue
        objects = []
        while waiting:
            value = waiting.pop(0)
            if isinstance(value, Mapping):
                objects.append(value)
                waiting.extend(value.values())
            elif isinstance(value, list):
                waiting.extend(value)
        if len(objects) > 1:
            yield from objects
            return
