"""Owns the settings of the model simulator."""

from dataclasses import dataclass
from pathlib import Path

from devstack.ports import Port
from simulators import environment


@dataclass(frozen=True, slots=True)
class Settings:
    """Holds the port, and the API key that requests must carry; an empty key accepts any."""

    port: int
    home: Path
    api_key: str
    model: str

    @classmethod
    def from_environment(cls) -> "Settings":
        """Reads the settings; each has a default."""
        return cls(
            port=environment.port(Port.OPENAI),
            home=environment.home(),
            api_key=environment.optional("FTE_OPENAI_API_KEY", ""),
            model=environment.optional("FTE_OPENAI_MODEL", "gpt-4o-mini"),
        )
