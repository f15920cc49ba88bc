"""The agent's settings."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from chassis.settings import ServiceSettings
from services.agent.application.turns import TurnTimes
from services.agent.domain.flood import PACE
from services.agent.domain.usage import Budgets, Limit


class AgentSettings(ServiceSettings):
    """What the agent needs beside what every service needs."""

    turn_database_url: SecretStr = Field(
        description="Postgres of the turn role, which sees one side of one customer"
    )
    turn_pool_size: int = Field(default=4, ge=1, le=50, description="connections of the turn role")
    context_dir: Path = Field(default=Path("context"), description="the company's own words")
    openai_api_key: SecretStr = Field(
        default=SecretStr(""), description="key of the model; empty for the offline policy"
    )
    openai_base_url: str = Field(
        default="", description="endpoint of the model; empty for OpenAI's"
    )
    openai_model: str = Field(default="gpt-5-mini", description="model that writes the answers")
    turn_steps: int = Field(
        default=8, ge=4, le=50, description="calls of the model in one turn; a good one takes four"
    )
    turn_tokens: int = Field(
        default=120_000,
        ge=1000,
        description="tokens of one turn, in and out; a good turn takes about 20,000",
    )
    turn_dollars: float = Field(
        default=0.25, gt=0, description="money of one turn; a model without a price costs nothing"
    )
    customer_day_turns: int = Field(
        default=100,
        ge=1,
        description="turns of one customer and day (UTC) that ask the model; later ones are answered offline",
    )
    customer_day_tokens: int = Field(
        default=1_000_000, ge=1000, description="tokens of one customer and day"
    )
    customer_day_dollars: float = Field(
        default=1.0, gt=0, description="money of one customer and day: what one person can cost"
    )
    day_tokens: int = Field(
        default=100_000_000, ge=1000, description="tokens of all customers and one day"
    )
    day_dollars: float = Field(
        default=50.0, gt=0, description="money of all customers and one day: what a flood can cost"
    )
    embedder: Literal["bundled", "openai"] = Field(
        default="bundled",
        description="what turns texts into vectors: the bundled model, or `text-embedding-3-small` at the model's endpoint",
    )
    runner_capacity: int = Field(
        default=16, ge=1, le=256, description="turns that one process executes at once"
    )
    quiet_seconds: float = Field(
        default=2.5, ge=0, description="silence after which a WhatsApp burst is answered"
    )
    burst_seconds: float = Field(
        default=10.0, gt=0, description="longest wait of a WhatsApp burst from its first message"
    )
    customer_messages_per_minute: int = Field(
        default=PACE,
        ge=1,
        description="messages of one customer that are worked on as they come; beyond it they are answered together, and "
        "the customer is told once to wait",
    )
    chat_cap_seconds: float = Field(
        default=60.0, gt=0, description="longest turn on WhatsApp and web"
    )
    mail_cap_seconds: float = Field(default=120.0, gt=0, description="longest turn on mail")
    retry_seconds: float = Field(
        default=2.0, gt=0, description="wait after the first failed turn; doubles with each"
    )

    takeover_seconds: float = Field(
        default=40.0,
        gt=0,
        description="longest wait of a takeover for sends under way; more than FTE_ATTEMPT_SECONDS, after which "
        "delivery lets none start",
    )

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if self.embedder == "openai" and not self.openai_api_key.get_secret_value():
            raise ValueError("FTE_EMBEDDER is `openai`, which needs FTE_OPENAI_API_KEY")
        return self

    @property
    def quiet(self) -> timedelta:
        """The quiet moment as a duration."""
        return timedelta(seconds=self.quiet_seconds)

    @property
    def burst(self) -> timedelta:
        """The longest burst as a duration."""
        return timedelta(seconds=self.burst_seconds)

    def times(self) -> TurnTimes:
        """How long bursts, turns and the waits between tries take."""
        return TurnTimes(
            quiet=self.quiet,
            burst=self.burst,
            chat_cap=timedelta(seconds=self.chat_cap_seconds),
            mail_cap=timedelta(seconds=self.mail_cap_seconds),
            retry=timedelta(seconds=self.retry_seconds),
            pace=self.customer_messages_per_minute,
        )

    def budgets(self) -> Budgets:
        """What turns, customers and the installation may use of a model."""
        return Budgets(
            steps=self.turn_steps,
            turn=Limit(tokens=self.turn_tokens, cost=_micros(self.turn_dollars)),
            customer_day=Limit(
                turns=self.customer_day_turns,
                tokens=self.customer_day_tokens,
                cost=_micros(self.customer_day_dollars),
            ),
            installation_day=Limit(tokens=self.day_tokens, cost=_micros(self.day_dollars)),
        )


def _micros(dollars: float) -> int:
    return round(dollars * 1_000_000)
