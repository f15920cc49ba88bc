"""The bundled embedding model: unit vectors, order, nearness of meaning, damage noticed."""

from pathlib import Path

import numpy as np
import pytest

from services.agent.adapters import embedder_minilm
from services.agent.adapters.embedder_minilm import DamagedModelError, MiniLm, minilm


async def test_vectors_are_of_unit_length_and_keep_the_order_of_the_texts() -> None:
    texts = ["How do I reset my password?", "", "a " * 2000, "Export my data"]
    together = await minilm().embed(texts)
    assert together.shape == (4, minilm().dimension)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, together, strict=True):
        # int8 quantisation is scaled by batch: equal in meaning, not in the last bits.
        assert vector @ (await minilm().embed([text]))[0] > 0.98


async def test_no_texts_give_no_vectors() -> None:
    assert (await minilm().embed([])).shape == (0, minilm().dimension)


async def test_a_paraphrase_is_nearer_than_another_matter() -> None:
    question, paraphrase, other = await minilm().embed(
        ["I forgot my password", "I can't remember the login secret", "How do I invite a guest?"]
    )
    assert question @ paraphrase > question @ other + 0.2


def test_a_damaged_tokenizer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "minilm-tokenizer.json"
    damaged.write_text("{}")
    monkeypatch.setattr(embedder_minilm, "_TOKENIZER", damaged)
    with pytest.raises(DamagedModelError, match=r"minilm-tokenizer\.json"):
        MiniLm()
