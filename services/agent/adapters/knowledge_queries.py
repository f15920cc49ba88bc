"""Vectors of questions, with the last ones kept: the same question is asked again and again, in turns and by retries."""

from collections import OrderedDict

from services.agent.application.ports import Embedder, Vectors

_KEPT = 1024
# Beyond this a search is no question; the model reads no more anyway.
_LONGEST_QUESTION = 2000


class QueryVectors:
    """Turns questions into vectors; at most `kept` are remembered, by their normalised text."""

    def __init__(self, embedder: Embedder, kept: int = _KEPT) -> None:
        self._embedder = embedder
        self._kept = kept
        self._known: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def model(self) -> str:
        """The model whose vectors these compare with."""
        return self._embedder.model

    async def of(self, question: str) -> Vectors:
        """Returns the unit vector of a question.

        Raises:
            LookupUnavailable: if the model could not be asked.
        """
        # A lone surrogate is no text for a tokenizer nor for JSON.
        whole = question.encode("utf-8", "ignore").decode()
        text = " ".join(whole.split())[:_LONGEST_QUESTION]
        known = self._known.get(text)
        if known is None:
            known = (await self._embedder.embed_questions([text]))[0]
            self._known[text] = known
        self._known.move_to_end(text)
        while len(self._known) > self._kept:
            self._known.popitem(last=False)
        return known
