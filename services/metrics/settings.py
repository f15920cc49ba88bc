"""What metrics reads from the environment beside the settings of every service."""

from pydantic import Field

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """How often facts are written."""

    flush_seconds: float = Field(
        default=10.0, gt=0, le=60, description="longest time that a fact waits for its batch"
    )
    flush_facts: int = Field(
        default=500, ge=1, le=5000, description="facts that are written without waiting"
    )
