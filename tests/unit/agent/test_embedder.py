"""The bundled embedding model: unit vectors, order, nearness of meaning across languages, damage noticed."""

from pathlib import Path

import numpy as np
import pytest

from services.agent.adapters.embedder_bundled import (
    CENTRING,
    Centring,
    bundled_embedder,
    load_centring,
)
from services.agent.adapters.embedder_minilm import DamagedModelError


async def test_vectors_are_of_unit_length_and_keep_the_order_of_the_texts() -> None:
    texts = ["How do I reset my password?", "", "a\x00\ud800 b", "Export my data"]
    together = await bundled_embedder().embed(texts)
    assert together.shape == (4, bundled_embedder().dimension)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, together, strict=True):
        # The English model's int8 scale is set by batch: equal in meaning, not in the last bits.
        assert np.allclose(vector, (await bundled_embedder().embed([text]))[0], atol=0.05)


async def test_no_texts_give_no_vectors() -> None:
    embedder = bundled_embedder()
    assert (await embedder.embed([])).shape == (0, embedder.dimension)
    assert (await embedder.embed_questions([])).shape == (0, embedder.dimension)


@pytest.mark.parametrize(
    "question",
    [
        "I forgot my password and cannot get in",
        "Ich habe mein Kennwort vergessen",
        "No recuerdo mi contraseña",
        "J'ai oublié mon mot de passe",
        "Esqueci a minha senha",
        "Ho dimenticato la password",
        "password bhool gaya, kya karu",
    ],
)
async def test_a_question_of_any_language_is_nearest_to_its_answer(question: str) -> None:
    answer, *others = await bundled_embedder().embed(
        [
            "If you forgot your password, ask for a new one on the sign-in page.",
            "Guests are invited under Members.",
            "Der Vertrag kann jederzeit gekündigt werden.",
        ]
    )
    asked = (await bundled_embedder().embed_questions([question]))[0]
    assert all(asked @ answer > asked @ other for other in others)


def test_neither_mean_nor_language_is_left_in_a_vector() -> None:
    rng = np.random.default_rng(7)
    mean = rng.standard_normal(384).astype(np.float32)
    directions = np.linalg.qr(rng.standard_normal((384, 2)))[0].T.astype(np.float32)
    centring = Centring(mean, mean, directions)
    meaning = rng.standard_normal((3, 384)).astype(np.float32)
    meaning -= (meaning @ directions.T) @ directions
    left = centring.apply(mean + meaning + 5 * directions[0] - 3 * directions[1], mean)
    expected = meaning / np.linalg.norm(meaning, axis=1, keepdims=True)
    assert np.allclose(left, expected, atol=1e-5)


def test_another_centring_is_another_model(tmp_path: Path) -> None:
    read, version = load_centring(CENTRING)
    other = tmp_path / "other.npz"
    np.savez(other, questions=read.questions, passages=read.questions, languages=read.languages)
    assert load_centring(other)[1] != version
    assert bundled_embedder().model.endswith(version)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", None])
def test_a_damaged_centring_is_refused(tmp_path: Path, content: bytes | None) -> None:
    damaged = tmp_path / "e5-centring.npz"
    if content is not None:
        damaged.write_bytes(content)
    with pytest.raises(DamagedModelError, match=r"e5-centring\.npz"):
        load_centring(damaged)


def test_a_centring_of_other_vectors_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "e5-centring.npz"
    short = np.zeros(8, np.float32)
    np.savez(other, questions=short, passages=short, languages=np.zeros((2, 8), np.float32))
    with pytest.raises(DamagedModelError, match="another model"):
        load_centring(other)
