"""The embedder port for a model that knows English best: texts of other languages are glossed before."""

from collections.abc import Sequence

from services.agent.adapters.embedder_minilm import minilm
from services.agent.application.ports import Embedder, Vectors
from services.agent.domain.glossary import english


class GlossedEmbedder:
    """Turns texts into the vectors of their English words."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def model(self) -> str:
        """The id that is kept beside every vector; the dictionary is part of the model."""
        return f"{self._embedder.model}+glossary"

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return self._embedder.dimension

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text, in their order.

        Raises:
            LookupUnavailable: if the model could not be asked.
        """
        return await self._embedder.embed([english(text) for text in texts])


def bundled_embedder() -> Embedder:
    """Returns the embedder that needs no network, its model loaded."""
    return GlossedEmbedder(minilm())
