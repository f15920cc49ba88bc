"""The judge port on this machine: rules, the company's phrases and a linear model; no network, no database."""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.agent.adapters.embedder_e5 import multilingual_e5
from services.agent.adapters.embedder_minilm import DamagedModelError
from services.agent.adapters.judge_weights import load_weights
from services.agent.adapters.language_recognition import recognised
from services.agent.application.ports import Vectors
from services.agent.domain.classifier import Features, Weights, chance, letters, signals
from services.agent.domain.example_phrases import ExamplePhrase, RulesFileError, read_phrases
from services.agent.domain.formatting import is_reply
from services.agent.domain.judgement import Findings, Judgement, judge_findings
from services.agent.domain.language import Recognised
from services.agent.domain.own_text import own_text, sentences
from services.agent.domain.reading import said_subject
from services.agent.domain.sentiment import score_read
from services.agent.domain.signs import (
    Reading,
    is_bare_keyword,
    nearness,
    read_signs,
    repeated_phrase,
    same_meaning,
)
from services.agent.domain.turn import Channel, EscalationReason, InboundText

RULES_FILE = "escalation-rules.md"
# One key held down, or signs alone, say nothing that could be judged.
_LETTER = re.compile(r"[^\W_]")
_FEWEST_LETTERS = 3
Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Heard:
    """What is judged of one message."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a message says beside its vector; `text` is the part that the company does not call harmless."""

    text: str
    language: Recognised
    reading: Reading
    mood: float
    keyword: bool
    example: EscalationReason | None = None


class LocalJudge:
    """Judges in one thread of its own, so that the event loop goes on and one text at a time is embedded."""

    def __init__(
        self,
        phrases: Sequence[ExamplePhrase] = (),
        weights: Weights | None = None,
        encode: Encode | None = None,
    ) -> None:
        self._encode = encode or multilingual_e5().encode
        self._weights = weights or load_weights()
        self._phrases = tuple(phrases)
        self._phrase_vectors = self._embed_phrases()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")

    async def judge(self, messages: Sequence[InboundText], channel: Channel) -> Judgement:
        """Judges a batch of one channel as a whole; the gravest reason wins."""
        heard = [Heard(message.subject, message.content) for message in messages]
        loop = asyncio.get_running_loop()
        findings = await loop.run_in_executor(self._thread, self.find, heard)
        return judge_findings(findings, channel)

    def find(self, messages: Sequence[Heard]) -> list[Findings]:
        """Finds out about each message what a judgement rests on; any number of messages at once.

        Raises:
            DamagedModelError: if the model gives no numbers, of which nothing would ever be an escalation.
        """
        read = [read_message(message, self._phrases) for message in messages]
        vectors = self._encode([one.text for one in read])
        if not np.isfinite(vectors).all():
            raise DamagedModelError("the model's vectors are no numbers")
        return [self._findings(one, vector) for one, vector in zip(read, vectors, strict=True)]

    def _embed_phrases(self) -> Vectors:
        known = self._weights.known
        new = [phrase.text for phrase in self._phrases if phrase.text not in known]
        vectors = {**known, **dict(zip(new, self._encode(new), strict=True))}
        return np.array([vectors[phrase.text] for phrase in self._phrases], np.float32)

    def _findings(self, read: Read, vector: Vectors) -> Findings:
        cosines = self._phrase_vectors @ vector if self._phrases else np.zeros(0, np.float32)
        said = same_meaning(self._phrases, cosines) if self._phrases and read.text else None
        example = read.example or (said.reason if said else None)
        harmless = not read.text or (said is not None and said.reason is None)
        found = None
        if not harmless:
            known = signals(
                read.reading,
                read.mood,
                keyword=read.keyword,
                nearness=nearness(self._phrases, cosines),
            )
            seen = Features(vector, np.array(known, np.float32), letters(read.text))
            found = chance(self._weights, seen, read.reading.sure)
        return Findings(
            language=read.language.language,
            sentiment=read.mood,
            keyword=read.keyword,
            example=example,
            chance=found,
            language_certain=read.language.certain,
        )


def read_message(message: Heard, phrases: Sequence[ExamplePhrase] = ()) -> Read:
    """Reads the subject and a customer's own words, without the sentences that the company calls harmless."""
    own = own_text(message.text)
    pieces = [*_subject(message), *sentences(own)]
    language = recognised(own or "\n".join(pieces))
    said = [repeated_phrase(piece, phrases) for piece in pieces]
    left = [
        piece
        for piece, phrase in zip(pieces, said, strict=True)
        if phrase is None or phrase.reason is not None
    ]
    return Read(
        text="\n".join(left) if len(set(_LETTER.findall("".join(left)))) >= _FEWEST_LETTERS else "",
        language=language,
        reading=read_signs(left, language.possible),
        mood=score_read(own, read_signs(sentences(own), language.possible)),
        keyword=is_bare_keyword(own),
        example=_gravest([phrase.reason for phrase in said if phrase]),
    )


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


def _subject(message: Heard) -> list[str]:
    """The subject of a reply was written earlier, perhaps by us; a missing one by a mail program."""
    subject = said_subject(message.subject.strip())
    return [subject[:400]] if subject and not is_reply(subject) else []


def _gravest(reasons: Sequence[EscalationReason | None]) -> EscalationReason | None:
    return next((reason for reason in EscalationReason if reason in reasons), None)
