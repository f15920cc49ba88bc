"""The one place where a client of an OpenAI-compatible endpoint is made: address, time limits and retries."""

import openai

CONNECT_SECONDS = 5.0
RETRIES = 2


def openai_client(
    api_key: str, base_url: str | None, request_seconds: float, retries: int
) -> openai.AsyncOpenAI:
    """Makes a client whose every request is bounded; without an address the endpoint is OpenAI's.

    Transport errors, 408, 409, 429 and 5xx are tried again, with back-off. The waits that a provider asks for come on
    top: a call with its retries needs a limit of its own.
    """
    return openai.AsyncOpenAI(
        api_key=api_key,
        base_url=base_url or None,
        timeout=openai.Timeout(request_seconds, connect=CONNECT_SECONDS),
        max_retries=retries,
    )
