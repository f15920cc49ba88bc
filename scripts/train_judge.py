"""Trains the judge's kernel machine and writes its weights and their card.

    python scripts/train_judge.py [--check] [--vectors FILE]

Read are the training messages, the messages marked `dev`, the training phrases, the company's example phrases, and
ordinary questions and titles of the documentation; the test splits are never looked at. The rules were written from all
of these but the training messages, so only those may teach how far a rule is to be trusted: for the others all signals
are blank. The threshold is chosen on `training-inbox.jsonl`: each of its languages was written by another hand, and is
judged by a machine that knows nothing of that hand.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from services.agent.adapters.embedder_e5 import multilingual_e5
from services.agent.adapters.judge import Heard, load_phrases, read_message
from services.agent.adapters.judge_weights import save_weights, trained_on
from services.agent.application.ports import Vectors
from services.agent.domain.classifier import (
    BUCKETS,
    JUDGED,
    Weights,
    centred,
    letters,
    signal_likeness,
    signals,
    vector_likeness,
)
from services.agent.domain.signs import nearness
from services.agent.domain.turn import EscalationReason

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "evals" / "data"
CONTEXT = ROOT / "context"
NONE = ""
# Those who wrote the inbox: Spanish and Portuguese came from one hand, Hindi and Italian from another.
_HANDS = (("en",), ("de",), ("fr",), ("es", "pt"), ("hi", "it"))
# How little a single message may decide.
_RIDGE = 0.3
# Signals that hardly ever differ are not blown up.
_LEAST_SPREAD = 0.3
# Of the inbox's messages that need a person, the share that must be found.
_RECALL = 0.95
_KEYWORD = EscalationReason.WHATSAPP_HUMAN_KEYWORD.value
_PERSON = EscalationReason.EXPLICIT_HUMAN_REQUEST.value


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled text; `unseen` tells that no rule was made from it, `language` is set for messages of the inbox."""

    heard: Heard
    reason: str
    unseen: bool
    language: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """All n samples as features and labels, with how alike they are, shape (n, n)."""

    vectors: NDArray[np.float32]
    signals: NDArray[np.float32]
    signal_scale: NDArray[np.float32]
    letters: csr_matrix
    likeness: NDArray[np.float32]
    needed: NDArray[np.bool_]
    reasons: NDArray[np.str_]
    centre: NDArray[np.float32]
    phrases: Mapping[str, NDArray[np.float32]]


def main() -> int:
    """Trains and writes, or with --check compares the weights' card with the data; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the card with the data")
    parser.add_argument("--vectors", type=Path, help="keep the vectors in this file (.npz)")
    given = parser.parse_args()
    samples = [*_messages(), *_phrases(), *_questions()]
    digest = hashlib.sha256(
        "\n".join(f"{one.heard} {one.reason} {one.language}" for one in samples).encode()
    ).hexdigest()
    if given.check:
        if trained_on() == digest:
            return 0
        print("the weights were trained on other data: python scripts/train_judge.py")
        return 1
    table = _table(samples, given.vectors)
    threshold = _threshold(np.array([one.language for one in samples]), table)
    save_weights(_weights(table, threshold), digest)
    return 0


def _lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def _messages() -> list[Sample]:
    dev = [row for row in _lines("messages.jsonl") if row["split"] == "dev"]
    inbox = _lines("training-inbox.jsonl")
    return [
        *(
            Sample(_heard(row), _reason(row), unseen=True, language=row["language"])
            for row in inbox
        ),
        *(
            Sample(_heard(row), _reason(row), unseen=True)
            for row in _lines("training-messages.jsonl")
        ),
        *(Sample(_heard(row), _reason(row), unseen=False) for row in dev),
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
        Sample(Heard("", text), reason if reason in judged else NONE, unseen=False)
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
        Sample(one, NONE, unseen=False)
        for one in heard
        if not (reading := read_message(one).reading).sure and not reading.likely
    ]


def _heard(row: dict[str, str]) -> Heard:
    return Heard(row["subject"], row["text"])


def _reason(row: dict[str, str]) -> str:
    """The keyword is found by its own rule; who misspells it asks for a person all the same."""
    return _PERSON if row["reason"] == _KEYWORD else row["reason"]


def _table(samples: Sequence[Sample], kept: Path | None) -> Table:
    read = [read_message(one.heard) for one in samples]
    raw = _vectors([one.text for one in read], kept)
    centre = raw.mean(axis=0)
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
            for one, vector in zip(read, raw, strict=True)
        ],
        np.float32,
    )
    known[[not one.unseen for one in samples]] = 0.0
    scale = known.std(axis=0) + np.float32(_LEAST_SPREAD)
    spelt = [letters(one.text) for one in read]
    sparse = csr_matrix(
        (
            np.concatenate([one.values for one in spelt]),
            np.concatenate([one.places for one in spelt]),
            np.cumsum([0, *(len(one.places) for one in spelt)]),
        ),
        (len(samples), BUCKETS),
    )
    vectors, scaled = centred(raw, centre), known / scale
    likeness = vector_likeness(vectors, vectors)
    likeness += signal_likeness(scaled, scaled)
    likeness += (sparse @ sparse.T).toarray()
    return Table(
        vectors=vectors,
        signals=scaled,
        signal_scale=scale,
        letters=sparse,
        likeness=likeness,
        needed=np.array([one.reason != NONE for one in samples]),
        reasons=np.array([one.reason for one in samples]),
        centre=centre,
        phrases={
            phrase.text: vector for phrase, vector in zip(phrases, phrase_vectors, strict=True)
        },
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


def _fit(
    likeness: NDArray[np.float32], labels: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Solves for the pulls, shape (n, columns), and biases that come nearest to 1 and -1; labels are (n, columns), weights (n,)."""
    wanted = np.where(labels, 1.0, -1.0).astype(np.float32)
    damped = likeness.copy()
    damped[np.diag_indices(len(damped))] += (_RIDGE / weights).astype(np.float32)
    factor = cho_factor(damped, lower=True, overwrite_a=True, check_finite=False)
    pulls = cho_solve(factor, wanted)
    ones = cho_solve(factor, np.ones(len(damped), np.float32))
    bias = pulls.sum(axis=0) / ones.sum()
    return np.asarray(pulls - ones[:, None] * bias, np.float32), np.asarray(bias, np.float32)


def _balanced(needed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights with which both classes count the same."""
    return np.asarray(np.where(needed, 0.5 / needed.mean(), 0.5 / (1.0 - needed.mean())))


def _threshold(languages: NDArray[np.str_], table: Table) -> float:
    """Returns the largest threshold that finds enough of the inbox's messages, and prints what it costs."""
    margins = np.full(len(languages), np.nan)
    for hand in _HANDS:
        held = np.isin(languages, hand)
        known = table.needed[~held]
        pulls, bias = _fit(table.likeness[np.ix_(~held, ~held)], known[:, None], _balanced(known))
        margins[held] = (table.likeness[np.ix_(held, ~held)] @ pulls + bias)[:, 0]
    inbox = languages != ""
    need, harmless = margins[inbox & table.needed], margins[inbox & ~table.needed]
    print(f"inbox: {len(need)} need a person, {len(harmless)} do not")
    print(f"area under the curve {roc_auc_score(table.needed[inbox], margins[inbox]):.3f}")
    for recall in (0.90, 0.93, 0.95, 0.96, 0.97, 0.98, 0.99):
        threshold = float(np.quantile(need, 1.0 - recall))
        print(
            f"recall {recall:.2f} over-escalation {(harmless >= threshold).mean():.3f} at {threshold:.3f}"
        )
    return round(float(np.quantile(need, 1.0 - _RECALL)), 4)


def _weights(table: Table, threshold: float) -> Weights:
    """Fits "a reason" on all samples, and each reason against the others on those that have one."""
    pulls = np.zeros((len(table.needed), 1 + len(JUDGED)), np.float32)
    bias = np.zeros(1 + len(JUDGED), np.float32)
    needed = table.needed
    pulls[:, :1], bias[:1] = _fit(table.likeness, needed[:, None], _balanced(needed))
    shown = np.array([table.reasons[needed] == reason.value for reason in JUDGED]).T
    pulls[needed, 1:], bias[1:] = _fit(
        table.likeness[np.ix_(needed, needed)], shown, np.ones(len(shown))
    )
    return Weights(
        vectors=table.vectors,
        signals=table.signals,
        signal_scale=table.signal_scale,
        pulls=pulls,
        letters=np.asarray(table.letters.T @ pulls, np.float32),
        bias=bias,
        centre=table.centre,
        reasons=JUDGED,
        threshold=threshold,
        known=table.phrases,
    )


if __name__ == "__main__":
    sys.exit(main())
