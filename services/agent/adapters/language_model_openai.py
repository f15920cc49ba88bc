"""The model port over any OpenAI-compatible endpoint: chat completions with tools, not streamed."""

import json
from collections.abc import Sequence
from typing import Any

import openai

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

TIMEOUT_SECONDS = 30.0
CONNECT_SECONDS = 5.0
RETRIES = 2
MAX_REPLY_TOKENS = 4096


class OpenAiModel:
    """Asks one model at one endpoint; transport errors, 429 and 5xx are tried again twice, with back-off."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        model: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        self._model = model
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url,
            timeout=openai.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
            max_retries=retries,
        )

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
            completion = await self._client.chat.completions.create(
                model=self._model,
                messages=_messages(request),
                tools=[_tool(tool) for tool in request.tools],  # type: ignore[misc]
                max_completion_tokens=MAX_REPLY_TOKENS,
            )
        except (openai.OpenAIError, json.JSONDecodeError) as error:
            # The provider's words may repeat the prompt: only the kind of error is passed on.
            raise ModelUnavailable(type(error).__name__) from error
        # An endpoint that answers 200 with something else leaves these empty, whatever the types say.
        choices = getattr(completion, "choices", None)
        if not choices or choices[0].message is None:
            raise ModelUnavailable("the reply holds no choice")
        message = choices[0].message
        usage = getattr(completion, "usage", None)
        return ModelReply(
            text=message.content or "",
            tool_calls=tuple(
                ToolRequest(call.id, call.function.name, call.function.arguments or "{}")
                for call in message.tool_calls or ()
                if call.type == "function"
            ),
            tokens_used=usage.total_tokens if usage else 0,
        )


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
