"""What identity reads from the environment beside the settings of every service."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Identity needs nothing of its own."""
