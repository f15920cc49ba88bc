"""The model port over any OpenAI-compatible endpoint: chat completions with tools, not streamed."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import openai
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.agent.adapters.openai_client import RETRIES, openai_client
from services.agent.application.ports import (
    CustomerSaid,
    ModelReply,
    ModelRequest,
    ModelSaid,
    ModelUnavailable,
    SystemNote,
    ToolRequest,
    ToolSchema,
    TranscriptItem,
)
from services.agent.domain.skeleton import visible
from services.agent.domain.usage import Usage

# One request, and one call with all its retries and the waits between them that the provider asks for.
REQUEST_SECONDS = 20.0
CALL_SECONDS = 30.0
MAX_REPLY_TOKENS = 4096
# What is kept of a reply. It is more than any tool takes, so that what is too long is refused there and not cut here.
MOST_CALLS = 32
LONGEST_TEXT = 40_000
_RETRY_COUNT = "x-stainless-retry-count"
_DECLINING = "content_filter"


class OpenAiModel:
    """Asks one model at one endpoint; a call with all its retries ends within `call_seconds`."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        model: str,
        *,
        timeout_seconds: float = REQUEST_SECONDS,
        call_seconds: float = CALL_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        self._model = model
        self._call_seconds = call_seconds
        self._client = openai_client(api_key, base_url, timeout_seconds, retries)

    @property
    def name(self) -> str:
        """The model's name at its provider."""
        return self._model

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def respond(self, request: ModelRequest) -> ModelReply:
        """Returns the next text or tool calls.

        Raises:
            ModelUnavailable: if the endpoint is away, refuses, or answers what is no completion.
        """
        try:
            async with asyncio.timeout(self._call_seconds):
                raw = await self._client.chat.completions.with_raw_response.create(
                    model=self._model,
                    messages=_messages(request),
                    tools=[_tool(tool) for tool in request.tools],  # type: ignore[misc]
                    max_completion_tokens=MAX_REPLY_TOKENS,
                )
        except openai.OpenAIError as error:
            # The provider's words may repeat the prompt: only the kind of error is passed on.
            raise ModelUnavailable(type(error).__name__, _attempted(error)) from error
        except TimeoutError as error:
            raise ModelUnavailable("no reply in time", Usage(calls=1)) from error
        asked = Usage(calls=1, retries=raw.retries_taken)
        try:
            completion = _Completion.model_validate_json(raw.content)
        except ValidationError as error:
            raise ModelUnavailable("the reply is no chat completion", asked) from error
        return _reply(completion, asked)


class _Read(BaseModel):
    # An endpoint may say more than is read here; what is read has the right form.
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Function(_Read):
    name: str
    arguments: str | None = None


class _Call(_Read):
    id: str
    type: str = "function"
    function: _Function | None = None


class _Message(_Read):
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Choice(_Read):
    message: _Message
    finish_reason: str | None = None


class _Details(_Read):
    cached_tokens: int | None = Field(default=None, ge=0)


class _Usage(_Read):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    prompt_tokens_details: _Details | None = None


class _Completion(_Read):
    choices: tuple[_Choice, ...] = Field(min_length=1)
    usage: _Usage | None = None


def _reply(completion: _Completion, asked: Usage) -> ModelReply:
    choice, used = completion.choices[0], completion.usage
    if used is not None:
        details = used.prompt_tokens_details
        cached = (details.cached_tokens if details else None) or 0
        asked += Usage(
            input_tokens=used.prompt_tokens,
            cached_input_tokens=min(cached, used.prompt_tokens),
            output_tokens=used.completion_tokens,
        )
    calls = (choice.message.tool_calls or ())[:MOST_CALLS]
    return ModelReply(
        text=(choice.message.content or "")[:LONGEST_TEXT],
        tool_calls=tuple(
            ToolRequest(
                call.id, call.function.name[:200], (call.function.arguments or "{}")[:LONGEST_TEXT]
            )
            for call in calls
            if call.type == "function" and call.function is not None
        ),
        usage=asked,
        declined=bool(choice.message.refusal) or choice.finish_reason == _DECLINING,
    )


def _attempted(error: openai.OpenAIError) -> Usage:
    """Reads from the last request how often it was repeated; a call that made no request cost nothing."""
    if not isinstance(error, openai.APIError):
        return Usage()
    return Usage(calls=1, retries=int(error.request.headers.get(_RETRY_COUNT, 0)))


def _messages(request: ModelRequest) -> Any:
    return [{"role": "system", "content": request.system}, *_items(request.transcript)]


def _items(transcript: Sequence[TranscriptItem]) -> list[dict[str, object]]:
    return [_item(item) for item in transcript]


def _item(item: TranscriptItem) -> dict[str, object]:
    match item:
        case SystemNote():
            return {"role": "system", "content": item.text}
        case CustomerSaid():
            # JSON is the delimiter: nothing that a customer writes can end it.
            said = {
                "type": "customer_message",
                "channel": item.channel.value,
                "subject": visible(item.subject),
                "text": visible(item.text),
            }
            return {"role": "user", "content": json.dumps(said, ensure_ascii=False)}
        case ModelSaid():
            said_by_model: dict[str, object] = {"role": "assistant", "content": item.text or None}
            if item.tool_calls:
                said_by_model["tool_calls"] = [
                    {
                        "id": call.call_id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments},
                    }
                    for call in item.tool_calls
                ]
            elif not item.text:
                said_by_model["content"] = ""
            return said_by_model
        case _:
            return {"role": "tool", "tool_call_id": item.call_id, "content": visible(item.content)}


def _tool(tool: ToolSchema) -> dict[str, object]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        },
    }
