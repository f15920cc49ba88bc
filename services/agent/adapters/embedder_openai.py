"""The embedder port over any OpenAI-compatible endpoint."""

import json
from collections.abc import Sequence

import numpy as np
import openai

from services.agent.adapters.openai_client import RETRIES, openai_client
from services.agent.application.ports import LookupUnavailable, Vectors

TIMEOUT_SECONDS = 10.0
MODEL = "text-embedding-3-small"
# The model shortens its vectors on request; this is the number that the table holds.
DIMENSION = 768
# The endpoint takes up to 2048 texts and 300,000 tokens a request; a tenth keeps each request short.
_BATCH = 128


class OpenAiEmbedder:
    """Asks one model at one endpoint."""

    def __init__(
        self,
        api_key: str,
        base_url: str | None,
        model: str = MODEL,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        self._model = model
        self._client = openai_client(api_key, base_url, timeout_seconds, retries)

    @property
    def model(self) -> str:
        """The id that is kept beside every vector."""
        return self._model

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return DIMENSION

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text, in their order.

        Raises:
            LookupUnavailable: if the endpoint is away, refuses, or answers with other than these vectors.
        """
        made = np.zeros((len(texts), DIMENSION), np.float32)
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            made[start : start + len(batch)] = await self._ask(batch)
        return made

    async def embed_questions(self, questions: Sequence[str]) -> Vectors:
        """Returns one unit vector a question: this model makes no difference between questions and answers.

        Raises:
            LookupUnavailable: as `embed`.
        """
        return await self.embed(questions)

    async def _ask(self, texts: list[str]) -> Vectors:
        try:
            answer = await self._client.embeddings.create(
                # The endpoint refuses an empty text.
                input=[text or " " for text in texts],
                model=self._model,
                dimensions=DIMENSION,
            )
            rows = sorted(answer.data, key=lambda row: row.index)
            made = np.array([row.embedding for row in rows], np.float32)
        except (openai.OpenAIError, json.JSONDecodeError) as error:
            # The provider's words may repeat the text: only the kind of error is passed on.
            raise LookupUnavailable(type(error).__name__) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise LookupUnavailable("the reply holds no vectors") from error
        if made.shape != (len(texts), DIMENSION) or not np.isfinite(made).all():
            raise LookupUnavailable("the reply holds other vectors than were asked for")
        lengths = np.linalg.norm(made, axis=1, keepdims=True)
        if not lengths.all():
            raise LookupUnavailable("the reply holds a vector without length")
        unit: Vectors = made / lengths
        return unit
