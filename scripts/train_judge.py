"""Trains the judge's linear model and writes its weights and their card.

    python scripts/train_judge.py [--check] [--vectors FILE]

Read are the training messages, the messages marked `dev`, the training phrases, the company's example phrases, and
ordinary questions and titles of the documentation; the test splits are never looked at. The rules were written from all of these but the training messages, so only those may
teach how far a rule is to be trusted: for the others all signals are blank. The threshold is chosen on training
messages that the model has not seen; both messages of a contrast pair are always in the same fold.
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
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from services.agent.adapters.embedder_e5 import MODEL, multilingual_e5
from services.agent.adapters.judge import (
    WEIGHTS,
    WEIGHTS_CARD,
    Heard,
    load_phrases,
    read_message,
)
from services.agent.application.ports import Vectors
from services.agent.domain.classifier import BUCKETS, JUDGED, centred, letters, signals
from services.agent.domain.signs import nearness
from services.agent.domain.turn import EscalationReason

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "evals" / "data"
CONTEXT = ROOT / "context"
NONE = ""
_FOLDS = 5
_STRENGTH = 1.0
# Of the unseen training messages that need a person, the share that must be found.
_RECALL = 0.95
_KEYWORD = EscalationReason.WHATSAPP_HUMAN_KEYWORD.value
_PERSON = EscalationReason.EXPLICIT_HUMAN_REQUEST.value


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled text; `group` keeps the messages of a pair together, `unseen` tells that no rule was made from it."""

    group: str
    heard: Heard
    reason: str
    unseen: bool


@dataclass(frozen=True, slots=True)
class Table:
    """All samples as features, shape (n, dimension + signals + BUCKETS), with their labels."""

    rows: csr_matrix
    needed: NDArray[np.bool_]
    reasons: NDArray[np.str_]
    centre: NDArray[np.float32]
    phrases: tuple[str, ...]
    phrase_vectors: Vectors


def main() -> int:
    """Trains and writes, or with --check compares the weights' card with the data; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the card with the data")
    parser.add_argument("--vectors", type=Path, help="keep the vectors in this file (.npz)")
    given = parser.parse_args()
    samples = [*_messages(), *_phrases(), *_questions()]
    digest = hashlib.sha256(
        "\n".join(f"{one.heard} {one.reason} {one.group}" for one in samples).encode()
    ).hexdigest()
    if given.check:
        card = json.loads(WEIGHTS_CARD.read_text(encoding="utf-8"))
        if card["data_sha256"] == digest:
            return 0
        print("the weights were trained on other data: python scripts/train_judge.py")
        return 1
    table = _table(samples, given.vectors)
    threshold = _threshold(samples, table)
    _write(table, threshold, digest)
    return 0


def _lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def _messages() -> list[Sample]:
    dev = [row for row in _lines("messages.jsonl") if row["split"] == "dev"]
    return [
        *(
            Sample(_pair(row), _heard(row), _reason(row), unseen=True)
            for row in _lines("training-messages.jsonl")
        ),
        *(Sample(row["id"], _heard(row), _reason(row), unseen=False) for row in dev),
    ]


def _phrases() -> list[Sample]:
    judged = {reason.value for reason in JUDGED}
    own = [
        (phrase.text, phrase.reason.value if phrase.reason else NONE)
        for phrase in load_phrases(CONTEXT)
    ]
    made = [(row["text"], _reason(row)) for row in _lines("training-phrases.jsonl")]
    return [
        # What only shows after a search or an answer is none of the judge's reasons.
        Sample(text, Heard("", text), reason if reason in judged else NONE, unseen=False)
        for text, reason in [*made, *own]
    ]


def _questions() -> list[Sample]:
    """Ordinary questions about the product and the titles that answer them, but for those that a rule takes."""
    titles = [
        line.lstrip("# ").strip()
        for line in (CONTEXT / "product-docs.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("##")
    ]
    asked = [row["question"] for row in _lines("questions.jsonl") if row["split"] == "dev"]
    heard = [Heard("", text) for text in [*asked, *titles]]
    return [
        Sample(one.text, one, NONE, unseen=False)
        for one in heard
        if not (reading := read_message(one).reading).sure and not reading.likely
    ]


def _heard(row: dict[str, str]) -> Heard:
    return Heard(row["subject"], row["text"])


def _pair(row: dict[str, str]) -> str:
    """Pairs are counted anew in each collection, which the beginning of an id names."""
    return row["id"][:2] + row["pair"] if row.get("pair") else row["id"]


def _reason(row: dict[str, str]) -> str:
    """The keyword is found by its own rule; who misspells it asks for a person all the same."""
    return _PERSON if row["reason"] == _KEYWORD else row["reason"]


def _table(samples: Sequence[Sample], kept: Path | None) -> Table:
    read = [read_message(one.heard) for one in samples]
    vectors = _vectors([one.text for one in read], kept)
    centre = vectors.mean(axis=0)
    phrases = load_phrases(CONTEXT)
    phrase_vectors = _vectors([phrase.text for phrase in phrases], kept)
    known = np.array(
        [
            signals(
                one.reading,
                one.mood,
                keyword=one.keyword,
                nearness=nearness(phrases, phrase_vectors @ vector),
            )
            for one, vector in zip(read, vectors, strict=True)
        ]
    )
    known[[not one.unseen for one in samples]] = 0.0
    spelt = [letters(one.text) for one in read]
    places = np.concatenate([one.places for one in spelt])
    starts = np.cumsum([0, *(len(one.places) for one in spelt)])
    sparse = csr_matrix(
        (np.concatenate([one.values for one in spelt]), places, starts), (len(samples), BUCKETS)
    )
    return Table(
        hstack([csr_matrix(np.hstack([centred(vectors, centre), known])), sparse]).tocsr(),
        np.array([one.reason != NONE for one in samples]),
        np.array([one.reason for one in samples]),
        centre,
        tuple(phrase.text for phrase in phrases),
        phrase_vectors,
    )


def _vectors(texts: Sequence[str], kept: Path | None) -> Vectors:
    """Embeds the texts, or takes their vectors from the file, which is written anew with those that it lacks."""
    known: dict[str, NDArray[np.float32]] = {}
    if kept is not None and kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            known = dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))
    new = sorted({text for text in texts if text not in known})
    known |= dict(zip(new, multilingual_e5().encode(new), strict=True))
    if kept is not None and new:
        np.savez(kept, texts=np.array(list(known)), vectors=np.array(list(known.values())))
    return np.array([known[text] for text in texts], np.float32)


def _fit(rows: csr_matrix, labels: NDArray[np.bool_] | NDArray[np.str_]) -> LogisticRegression:
    model = LogisticRegression(
        C=_STRENGTH, max_iter=400, class_weight="balanced", solver="lbfgs", tol=1e-4
    )
    return model.fit(rows, labels)


def _threshold(samples: Sequence[Sample], table: Table) -> float:
    """Returns the largest threshold that finds enough of the unseen messages, and prints what it costs."""
    folds = np.array([_fold(one.group) for one in samples])
    unseen = np.array([one.unseen for one in samples])
    odds = np.zeros(len(samples))
    for fold in range(_FOLDS):
        held = folds == fold
        odds[held] = _fit(table.rows[~held], table.needed[~held]).predict_proba(table.rows[held])[
            :, 1
        ]
    need, harmless = odds[unseen & table.needed], odds[unseen & ~table.needed]
    print(f"unseen: {len(need)} need a person, {len(harmless)} do not")
    print(f"area under the curve {roc_auc_score(table.needed[unseen], odds[unseen]):.3f}")
    for recall in (0.90, 0.93, 0.95, 0.96, 0.97, 0.98, 0.99):
        threshold = float(np.quantile(need, 1.0 - recall))
        print(
            f"recall {recall:.2f} over-escalation {(harmless >= threshold).mean():.3f} at {threshold:.3f}"
        )
    return round(float(np.quantile(need, 1.0 - _RECALL)), 4)


def _fold(group: str) -> int:
    return hashlib.sha256(f"fold {group}".encode()).digest()[0] % _FOLDS


def _write(table: Table, threshold: float, digest: str) -> None:
    needed = _fit(table.rows, table.needed)
    which = _fit(table.rows[table.needed], table.reasons[table.needed])
    columns = [list(which.classes_).index(reason.value) for reason in JUDGED]
    weights = np.vstack([needed.coef_, which.coef_[columns]]).T
    bias = np.concatenate([needed.intercept_, which.intercept_[columns]])
    stored = io.BytesIO()
    np.savez_compressed(
        stored,
        dense=weights[:-BUCKETS].astype(np.float16),
        letters=weights[-BUCKETS:].astype(np.float16),
        bias=bias.astype(np.float32),
        centre=table.centre.astype(np.float32),
        phrases=np.array(table.phrases),
        phrase_vectors=table.phrase_vectors,
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
