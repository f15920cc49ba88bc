"""Trains the judge's classifier on the development messages and writes its weights and their card.

    python scripts/train_judge.py [--check]

Only messages marked `dev` and the training phrases are read; the test split is never looked at. A message tells that
one of its sentences is a reason, not which: the rules point at it, or else the classifier of the round before does.
The threshold is chosen on the development messages, each scored by a classifier that has not seen it.
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from services.agent.adapters.embedder_minilm import MODEL, minilm
from services.agent.adapters.judge import WEIGHTS, WEIGHTS_CARD
from services.agent.domain.judgement import JUDGED
from services.agent.domain.own_text import own_text, sentences
from services.agent.domain.paraphrase import features
from services.agent.domain.signs import read_signs
from services.agent.domain.turn import EscalationReason

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "evals" / "data"
MESSAGES = DATA / "messages.jsonl"
PHRASES = DATA / "training-phrases.jsonl"
NONE = ""
_ROUNDS = 2
_FOLDS = 5
_STRENGTH = 6.0
# Of the harmless development messages that no rule takes, the share that the classifier may take.
_NEEDLESS = 0.04
_KEYWORD = EscalationReason.WHATSAPP_HUMAN_KEYWORD


@dataclass(frozen=True, slots=True)
class Message:
    """A labelled message: its sentences, those that a rule takes for the reason, and its label."""

    message_id: str
    pieces: tuple[str, ...]
    signed: tuple[bool, ...]
    reason: str


def main() -> int:
    """Trains and writes, or with --check compares the weights' card with the data; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the card with the data")
    digest = data_sha256()
    if parser.parse_args().check:
        card = json.loads(WEIGHTS_CARD.read_text(encoding="utf-8"))
        if card["data_sha256"] == digest:
            return 0
        print("the weights were trained on other data: python scripts/train_judge.py")
        return 1
    messages = [*_messages(), *_phrases()]
    pieces = [piece for message in messages for piece in message.pieces]
    vectors = minilm().encode(pieces)
    centre = vectors.mean(axis=0)
    rows = _by_message(messages, features(pieces, vectors, centre))
    threshold = _threshold(messages, rows)
    _write(_train(messages, rows), centre, threshold, digest)
    return 0


def data_sha256() -> str:
    """Returns the hash of what is trained on: the development messages and the training phrases."""
    digest = hashlib.sha256()
    for line in MESSAGES.read_text(encoding="utf-8").splitlines():
        if json.loads(line)["split"] == "dev":
            digest.update(line.encode() + b"\n")
    digest.update(PHRASES.read_bytes())
    return digest.hexdigest()


def _messages() -> list[Message]:
    found: list[Message] = []
    for line in MESSAGES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["split"] == "dev" and row["reason"] != _KEYWORD:
            own = sentences(own_text(row["text"]))
            pieces = tuple([row["subject"], *own] if row["subject"] else own)
            found.append(_message(row["id"], pieces, row["reason"]))
    return [message for message in found if message.pieces]


def _phrases() -> list[Message]:
    rows = [json.loads(line) for line in PHRASES.read_text(encoding="utf-8").splitlines()]
    return [
        Message(f"phrase-{place}", (row["text"],), (True,), row["reason"])
        for place, row in enumerate(rows)
    ]


def _message(message_id: str, pieces: tuple[str, ...], reason: str) -> Message:
    signed = tuple(reason in read_signs([piece]).sure for piece in pieces)
    return Message(message_id, pieces, signed, reason)


def _by_message(
    messages: Sequence[Message], rows: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    ends = np.cumsum([len(message.pieces) for message in messages])
    return np.split(rows, ends[:-1])


def _train(messages: Sequence[Message], rows: Sequence[NDArray[np.float32]]) -> LogisticRegression:
    model: LogisticRegression | None = None
    for _ in range(_ROUNDS):
        chosen: list[NDArray[np.float32]] = []
        labels: list[str] = []
        for message, own in zip(messages, rows, strict=True):
            picked = own if message.reason == NONE else own[_places(message, own, model)]
            chosen.append(picked)
            labels += [message.reason] * len(picked)
        model = LogisticRegression(C=_STRENGTH, max_iter=300, class_weight="balanced")
        # Nine in ten of the features are zero.
        model.fit(csr_matrix(np.vstack(chosen)), labels)
    assert model is not None  # noqa: S101 - there is at least one round
    return model


def _places(
    message: Message, rows: NDArray[np.float32], model: LogisticRegression | None
) -> list[int]:
    if any(message.signed):
        return [place for place, signed in enumerate(message.signed) if signed]
    if len(rows) == 1 or model is None:
        return [0] if len(rows) == 1 else []
    column = list(model.classes_).index(message.reason)
    return [int(model.predict_proba(rows)[:, column].argmax())]


def _threshold(messages: Sequence[Message], rows: Sequence[NDArray[np.float32]]) -> float:
    """Returns the smallest threshold that takes few enough harmless messages which no rule takes."""
    folds = [_fold(message.message_id) for message in messages]
    open_harmless: list[float] = []
    open_reasons: list[float] = []
    for fold in range(_FOLDS):
        kept = [place for place, own in enumerate(folds) if own != fold]
        model = _train([messages[place] for place in kept], [rows[place] for place in kept])
        none = list(model.classes_).index(NONE)
        for place, message in enumerate(messages):
            if folds[place] != fold or read_signs(message.pieces).sure:
                continue
            chance = float(1.0 - model.predict_proba(rows[place])[:, none].min())
            if not message.message_id.startswith("phrase-"):
                (open_harmless if message.reason == NONE else open_reasons).append(chance)
    threshold = float(np.quantile(open_harmless, 1.0 - _NEEDLESS))
    caught = sum(chance >= threshold for chance in open_reasons)
    print(f"harmless messages without a rule: {len(open_harmless)}, taken {_NEEDLESS:.0%}")
    print(f"messages with a reason that no rule takes: {len(open_reasons)}, caught {caught}")
    print(f"threshold {threshold:.3f}")
    return round(threshold, 4)


def _fold(message_id: str) -> int:
    return hashlib.sha256(f"fold {message_id}".encode()).digest()[0] % _FOLDS


def _write(
    model: LogisticRegression, centre: NDArray[np.float32], threshold: float, digest: str
) -> None:
    order = [NONE, *JUDGED]
    columns = [list(model.classes_).index(reason) for reason in order]
    stored = io.BytesIO()
    np.savez_compressed(
        stored,
        vectors=model.coef_[columns].T.astype(np.float16),
        bias=model.intercept_[columns].astype(np.float32),
        centre=centre.astype(np.float32),
    )
    WEIGHTS.write_bytes(stored.getvalue())
    card = {
        "sha256": hashlib.sha256(stored.getvalue()).hexdigest(),
        "data_sha256": digest,
        "embedding": MODEL,
        "reasons": [reason.value for reason in JUDGED],
        "threshold": threshold,
    }
    WEIGHTS_CARD.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
