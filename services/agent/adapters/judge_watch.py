"""The judge under watch: what cannot be judged is no matter for the AI, and health says that it is so.

Whatever goes wrong while loading or judging raises here, and the Thinker gives each such message to a person.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from services.agent.adapters.judge import RULES_FILE, LocalJudge, load_judge
from services.agent.application.ports import Judge
from services.agent.domain.example_phrases import RulesFileError
from services.agent.domain.judgement import Judgement
from services.agent.domain.turn import Channel, InboundText

# A judgement takes a tenth of a second; a queue of turns may be before it, and the shortest turn has 60 s.
JUDGE_SECONDS = 30.0

log = structlog.get_logger(__name__)


class JudgeMissingError(Exception):
    """There is no judge: it could not be loaded when the process started."""


class WatchedJudge:
    """Judges with the judge that `load` makes, and knows whether that works."""

    def __init__(self, load: Callable[[], Judge], seconds: float = JUDGE_SECONDS) -> None:
        self._seconds = seconds
        self._judge: Judge | None = None
        try:
            self._judge = load()
        except Exception:
            # A desk that hands every message to a person is better than one that does not start.
            log.exception("no judge could be loaded: every message goes to a person")
        self._works = self._judge is not None

    async def judge(self, messages: Sequence[InboundText], channel: Channel) -> Judgement:
        """Judges a batch.

        Raises:
            JudgeMissingError: if there is no judge.
            TimeoutError: if it takes more than 30 s.
            Exception: whatever the judge raises.
        """
        if self._judge is None:
            raise JudgeMissingError
        works = False
        try:
            async with asyncio.timeout(self._seconds):
                judgement = await self._judge.judge(messages, channel)
            works = True
        finally:
            self._works = works
        return judgement

    async def works(self) -> bool:
        """Tells health whether messages are judged: false from a failure until the next judgement."""
        return self._works


def watched_judge(context_dir: Path) -> WatchedJudge:
    """Makes the judge of a company; it never fails, and without a judge every message goes to a person."""
    return WatchedJudge(lambda: _load(context_dir))


def _load(context_dir: Path) -> LocalJudge:
    try:
        return load_judge(context_dir)
    except RulesFileError as error:
        # The product's own rules go on; a desk that answers nothing would be worse.
        log.error("escalation rules are broken", file=RULES_FILE, problem=str(error))  # noqa: TRY400
        return LocalJudge()
