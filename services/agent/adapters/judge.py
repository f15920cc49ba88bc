"""The judge port on this machine: rules, the company's phrases and a small classifier; no network, no database."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.agent.adapters.embedder_minilm import DamagedModelError, minilm
from services.agent.adapters.language_recognition import recognised
from services.agent.application.ports import Vectors
from services.agent.domain.example_phrases import ExamplePhrase, RulesFileError, read_phrases
from services.agent.domain.formatting import is_reply
from services.agent.domain.judgement import Findings, Judgement, judge_findings
from services.agent.domain.own_text import own_text, sentences
from services.agent.domain.paraphrase import Weights, probabilities
from services.agent.domain.sentiment import score_read
from services.agent.domain.signs import is_bare_keyword, nearest_phrase, read_signs
from services.agent.domain.turn import Channel, EscalationReason, InboundText

RULES_FILE = "escalation-rules.md"
_MODELS = Path(__file__).resolve().parent.parent / "models"
WEIGHTS = _MODELS / "judge.npz"
WEIGHTS_CARD = _MODELS / "judge.json"
Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is judged of one message."""

    subject: str
    text: str


class LocalJudge:
    """Judges in one thread of its own, so that the event loop goes on and texts are embedded one batch at a time."""

    def __init__(
        self,
        phrases: Sequence[ExamplePhrase] = (),
        weights: Weights | None = None,
        encode: Encode | None = None,
    ) -> None:
        self._encode = encode or minilm().encode
        self._weights = weights or load_weights()
        self._phrases = tuple(phrases)
        self._phrase_vectors = self._encode([phrase.text for phrase in self._phrases])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")

    async def judge(self, messages: Sequence[InboundText], channel: Channel) -> Judgement:
        """Judges a batch of one channel as a whole; the gravest reason wins."""
        heard = [Heard(message.subject, message.content) for message in messages]
        loop = asyncio.get_running_loop()
        findings = await loop.run_in_executor(self._thread, self.find, heard)
        return judge_findings(findings, channel)

    def find(self, messages: Sequence[Heard]) -> list[Findings]:
        """Finds out about each message what a judgement rests on; any number of messages at once."""
        owns = [own_text(message.text) for message in messages]
        pieces = [
            [*_subject(message), *sentences(own)]
            for message, own in zip(messages, owns, strict=True)
        ]
        vectors = self._encode([piece for some in pieces for piece in some])
        found: list[Findings] = []
        start = 0
        for own, some in zip(owns, pieces, strict=True):
            found.append(self._findings(own, some, vectors[start : start + len(some)]))
            start += len(some)
        return found

    def _findings(self, own: str, pieces: Sequence[str], vectors: Vectors) -> Findings:
        language = recognised(own or "\n".join(pieces))
        near = [self._nearest(piece, vector) for piece, vector in zip(pieces, vectors, strict=True)]
        # What the company says is no escalation is not looked at any further.
        open_places = [
            place for place, phrase in enumerate(near) if phrase is None or phrase.reason
        ]
        open_pieces = [pieces[place] for place in open_places]
        reading = read_signs(open_pieces, language.possible)
        return Findings(
            language=language.language,
            sentiment=score_read(own, read_signs(sentences(own), language.possible)),
            reading=reading,
            keyword=is_bare_keyword(own),
            example=_gravest([phrase.reason for phrase in near if phrase and phrase.reason]),
            probabilities=probabilities(self._weights, open_pieces, vectors[open_places]),
            language_certain=language.certain,
        )

    def _nearest(self, piece: str, vector: Vectors) -> ExamplePhrase | None:
        if not self._phrases:
            return None
        return nearest_phrase(piece, self._phrases, self._phrase_vectors @ vector)


def load_judge(context_dir: Path) -> LocalJudge:
    """Makes a judge with the phrases of a company; without a rules file it has the product's rules alone.

    Raises:
        RulesFileError: if the file is broken; the message names its line.
        DamagedModelError: if weights or models are not the expected files.
    """
    return LocalJudge(load_phrases(context_dir))


def load_phrases(context_dir: Path) -> list[ExamplePhrase]:
    """Reads the phrases of `escalation-rules.md`; none if the company has no such file.

    Raises:
        RulesFileError: if the file is broken; the message names its line.
    """
    path = context_dir / RULES_FILE
    if not path.is_file():
        return []
    content = path.read_bytes()
    try:
        return read_phrases(content.decode())
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RulesFileError(line, "no UTF-8") from error


def load_weights() -> Weights:
    """Loads the classifier that comes with the package.

    Raises:
        DamagedModelError: if the file is not the one that its card describes.
    """
    card = json.loads(WEIGHTS_CARD.read_text(encoding="utf-8"))
    content = WEIGHTS.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise DamagedModelError(
            f"{WEIGHTS.name} has another checksum than expected: train it again"
        )
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return Weights(
            vectors=stored["vectors"].astype(np.float32),
            bias=stored["bias"].astype(np.float32),
            centre=stored["centre"].astype(np.float32),
            reasons=tuple(EscalationReason(reason) for reason in card["reasons"]),
            threshold=float(card["threshold"]),
        )


def _subject(message: Heard) -> list[str]:
    """The subject of a reply was written earlier, perhaps by us."""
    subject = message.subject.strip()
    return [subject[:400]] if subject and not is_reply(subject) else []


def _gravest(reasons: Sequence[EscalationReason | None]) -> EscalationReason | None:
    return next((reason for reason in EscalationReason if reason in reasons), None)
