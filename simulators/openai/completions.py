"""Owns the JSON forms of chat completions, streamed chunks and embeddings."""

import base64
import hashlib
import json
import math
import re
import secrets
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_CHARACTERS_PER_TOKEN: Final = 4
# A provider caches prefixes in steps of 128 tokens from 1024 tokens on.
_CACHE_STEP: Final = 128
_CACHE_FROM: Final = 1024
_REMEMBERED: Final = 64


class PromptCache:
    """Counts tokens, and how many of them an earlier prompt began with."""

    def __init__(self) -> None:
        self._prompts: deque[str] = deque(maxlen=_REMEMBERED)

    def usage(self, request: Mapping[str, Any], reply: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the usage of one request and its reply, estimated from their lengths."""
        prompt = json.dumps([request.get("tools"), request.get("messages")])
        shared = max((_shared(prompt, old) for old in self._prompts), default=0)
        self._prompts.append(prompt)
        cached = shared // _CHARACTERS_PER_TOKEN
        prompt_tokens = _tokens(prompt)
        said = json.dumps([reply.get("content"), reply.get("tool_calls")])
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": _tokens(said),
            "total_tokens": prompt_tokens + _tokens(said),
            "prompt_tokens_details": {
                "cached_tokens": cached if cached >= _CACHE_FROM else 0,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


def completion(model: str, reply: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a reply as a chat completion."""
    calls = [_tool_call(call) for call in reply.get("tool_calls") or []]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": reply.get("content"),
        "refusal": None,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = calls
    reason = reply.get("finish_reason") or ("tool_calls" if calls else "stop")
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": reply.get("usage") or usage,
        "service_tier": "default",
        "system_fingerprint": "fp_local",
    }


def chunks(whole: Mapping[str, Any], *, with_usage: bool) -> Iterator[str]:
    """Returns a completion as the events of a stream: one delta, the reason, the usage."""
    choice = whole["choices"][0]
    delta = {k: v for k, v in choice["message"].items() if k in ("role", "content", "tool_calls")}
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": at, **c} for at, c in enumerate(delta["tool_calls"])]
    shared = {k: whole[k] for k in ("id", "created", "model", "system_fingerprint")}
    shared["object"] = "chat.completion.chunk"
    steps: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
    ]
    if with_usage:
        steps.append({"choices": [], "usage": whole["usage"]})
    for step in steps:
        yield f"data: {json.dumps({**shared, **step})}\n\n"
    yield "data: [DONE]\n\n"


def embeddings(
    model: str, texts: Sequence[str], dimensions: int, *, as_base64: bool
) -> dict[str, Any]:
    """Returns a vector of length 1 per text; equal texts are equal, shared words bring them near."""
    vectors = [_vector(text, dimensions) for text in texts]
    tokens = sum(_tokens(text) for text in texts)
    return {
        "object": "list",
        "model": model,
        "data": [
            {
                "object": "embedding",
                "index": at,
                "embedding": _packed(vector) if as_base64 else vector,
            }
            for at, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": call["name"], "arguments": text}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}


def _vector(text: str, dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.casefold()) or [""]:
        digest = hashlib.sha256(word.encode()).digest()
        for at in range(0, 16, 4):
            place, sign = int.from_bytes(digest[at : at + 3], "big"), digest[at + 3] & 1
            vector[place % dimensions] += 1.0 if sign else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:
        vector[0], length = 1.0, 1.0
    return [value / length for value in vector]


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _shared(prompt: str, earlier: str) -> int:
    step = _CACHE_STEP * _CHARACTERS_PER_TOKEN
    at = 0
    while at + step <= len(prompt) and prompt[at : at + step] == earlier[at : at + step]:
        at += step
    return at


def _tokens(text: str) -> int:
    return max(1, len(text) // _CHARACTERS_PER_TOKEN)
