"""Settings that every service has, read once from the environment.

Each service adds its own in a frozen subclass. Nobody else reads the environment. Dapr's own names are
used where Dapr sets them.
"""

import sys
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """What any service needs to meet its sidecar, its database and its callers."""

    model_config = SettingsConfigDict(env_prefix="FTE_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(description="Postgres of this service's own role")
    database_pool_size: int = Field(default=4, ge=1, le=50, description="connections to Postgres")
    app_port: int = Field(
        validation_alias="APP_PORT", description="gRPC port that only the sidecar calls"
    )
    dapr_grpc_port: int = Field(
        validation_alias="DAPR_GRPC_PORT", description="the sidecar's gRPC port"
    )
    dapr_api_token: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="DAPR_API_TOKEN",
        description="sent with every call to the sidecar",
    )
    app_api_token: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="APP_API_TOKEN",
        description="wanted of every call from the sidecar",
    )
    bind_address: str = Field(default="127.0.0.1", description="where the ports listen")
    local_grpc_port: int = Field(
        default=0, description="second gRPC port for callers with an API key; 0 for none"
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="wanted of every call to the second port; required with it",
    )
    reflection: bool = Field(default=True, description="whether gRPC reflection is served")
    default_deadline_seconds: float = Field(
        default=10.0, gt=0, description="deadline of a call that brings none"
    )
    instance: str = Field(
        default="local-0", description="name of this replica, stable over restarts"
    )
    otlp_endpoint: str = Field(
        default="",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="where traces go, an OTLP/gRPC address such as http://127.0.0.1:4317; empty for nowhere",
    )
    prometheus_port: int = Field(
        default=0, ge=0, le=65535, description="port of `/metrics` for Prometheus; 0 for none"
    )
    log_level: str = Field(default="INFO", description="least severe level that is logged")

    @field_validator("api_key")
    @classmethod
    def _guards_the_second_port(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        # An empty key would open the port to everybody.
        if info.data.get("local_grpc_port") and not value.get_secret_value():
            raise ValueError("needed when FTE_LOCAL_GRPC_PORT is set")
        return value


SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


def load(settings: type[SettingsT]) -> SettingsT:
    """Reads the environment, or ends the process naming each variable that is missing or wrong."""
    try:
        return settings()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0])
            variable = name if name.isupper() else f"FTE_{name.upper()}"
            said = problem["msg"].removeprefix("Value error, ")
            sys.stderr.write(f"setting {variable}: {said[:1].lower()}{said[1:]}\n")
        raise SystemExit(2) from None
