"""The knowledge base without a database: the same candidates and the same judgement, all in memory."""

from collections.abc import Collection, Sequence

import numpy as np

from services.agent.adapters.evidence_file import evidence_model
from services.agent.adapters.knowledge_queries import QueryVectors
from services.agent.application.ports import Embedder, Vectors
from services.agent.domain.chunks import Kind, cut
from services.agent.domain.evidence import (
    Candidate,
    EvidenceModel,
    Nearness,
    Statistics,
    answering,
    fuse,
    judge,
    question_terms,
    section_terms,
)
from services.agent.domain.knowledge import CUSTOMER, Evidence, Section

# Chunks that are looked at by their vectors, sections by their words, and sections that are judged.
NEAREST_CHUNKS = 100
LEXICAL_SECTIONS = 40
CANDIDATES = 40
# Opposite vectors may cancel each other; their mean is near to nothing.
_NO_LENGTH = 1e-9


class MemoryKnowledgeBase:
    """Searches the customers' sections of a list; without an embedder by words alone."""

    def __init__(
        self,
        sections: Sequence[Section],
        embedder: Embedder | None = None,
        *,
        model: EvidenceModel | None = None,
    ) -> None:
        self.sections = [s for s in sections if s.audience == CUSTOMER]
        self._model = model or evidence_model()
        self._embedder = embedder
        self._questions = QueryVectors(embedder) if embedder else None
        self._chunks = [chunk for section in self.sections for chunk in cut(section)]
        self._places = {s.section_id: place for place, s in enumerate(self.sections)}
        self._owners = np.array([self._places[c.section_id] for c in self._chunks], np.int64)
        self._kinds = np.array([c.kind.value for c in self._chunks])
        self._terms = [section_terms(s) for s in self.sections]
        self._vectors: Vectors | None = None
        self._means: Vectors | None = None

    async def search(self, query: str, limit: int, without: Collection[str] = ()) -> list[Evidence]:
        """Returns the sections that are evidence for a question, best first; `without` as in `candidates`."""
        candidates, statistics = await self.candidates(query, without)
        judged = judge(query, candidates, statistics, self._model)
        return answering(judged, candidates, self._model)[:limit]

    async def ranked(self, query: str) -> list[Evidence]:
        """Returns all candidates in their order, whatever the floor says."""
        candidates, statistics = await self.candidates(query)
        return judge(query, candidates, statistics, self._model)

    async def candidates(
        self, query: str, without: Collection[str] = ()
    ) -> tuple[list[Candidate], Statistics]:
        """Finds what may answer a question, as if the sections named in `without` did not exist."""
        wanted = question_terms(query)
        kept = [p for p, s in enumerate(self.sections) if s.section_id not in without]
        if not wanted or not kept:
            return [], Statistics(len(kept), {})
        statistics = Statistics(
            len(kept), {term: sum(term in self._terms[p] for p in kept) for term in wanted}
        )
        weights = statistics.weights(wanted)
        held = {p: sum(w for t, w in weights.items() if t in self._terms[p]) for p in kept}
        ids = [self.sections[p].section_id for p in range(len(self.sections))]
        lexical = sorted((p for p in kept if held[p]), key=lambda p: (-held[p], ids[p]))
        orders = [[ids[p] for p in lexical[:LEXICAL_SECTIONS]]]
        near = await self._cosines(query)
        if near is not None:
            order = np.argsort(-near[0], kind="stable")
            first = order[np.isin(self._owners[order], kept)][:NEAREST_CHUNKS]
            orders.append(list(dict.fromkeys(ids[owner] for owner in self._owners[first])))
        places = [self._places[section_id] for section_id in fuse(orders, CANDIDATES)]
        return [Candidate(self.sections[p], self._best(p, near)) for p in places], statistics

    async def _cosines(self, query: str) -> tuple[Vectors, Vectors] | None:
        """Returns the question's cosines with all chunks and with the sections' means."""
        if self._embedder is None or self._questions is None:
            return None
        if self._vectors is None or self._means is None:
            self._vectors = await self._embedder.embed([c.text for c in self._chunks])
            self._means = self._mean_statements(self._vectors)
        vector = await self._questions.of(query)
        return self._vectors @ vector, self._means @ vector

    def _mean_statements(self, vectors: Vectors) -> Vectors:
        means = np.zeros((len(self.sections), vectors.shape[1]), np.float32)
        for place, mean in enumerate(means):
            own = self._owners == place
            said = own & (self._kinds == Kind.STATEMENT)
            mean[:] = vectors[said if said.any() else own].mean(axis=0)
        unit: Vectors = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), _NO_LENGTH)
        return unit

    def _best(
        self, place: int, near: tuple[Vectors, Vectors] | None
    ) -> dict[Nearness, float] | None:
        if near is None:
            return None
        chunks, means = near
        own = self._owners == place
        title = float(chunks[own & (self._kinds == Kind.TITLE)].max())
        said = chunks[own & (self._kinds == Kind.STATEMENT)]
        return {
            Nearness.TITLE: title,
            Nearness.STATEMENT: max(map(float, said), default=title),
            Nearness.SECTION: float(means[place]),
        }
