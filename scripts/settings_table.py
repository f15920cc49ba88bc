"""Writes `docs/settings.md` from the services' settings classes; with --check it fails when the page is stale."""

import argparse
import sys
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chassis.settings import ServiceSettings
from services.agent.settings import AgentSettings
from services.delivery.settings import Settings as DeliverySettings
from services.identity.settings import Settings as IdentitySettings
from services.intake.settings import IntakeSettings
from services.metrics.settings import Settings as MetricsSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
SERVICES: dict[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "agent": AgentSettings,
    "identity": IdentitySettings,
    "delivery": DeliverySettings,
    "metrics": MetricsSettings,
}
HEAD = """# Settings

Every setting of a service is an environment variable. A service that misses one refuses to start and names it. This page is
written by `scripts/settings_table.py`; the settings classes are the source. `fte env` prints the local stack's values.

The local stack itself reads `FTE_HOME` (its data, default `.fte`), `FTE_PORT_BASE` (added to every port, default 0) and
`DAPR_RUNTIME_DIR` (the Dapr runtime's binaries); any setting below in the caller's environment wins over its default.
"""


def variable(name: str, field: FieldInfo) -> str:
    """Returns the environment variable of a field."""
    alias = field.validation_alias
    return alias if isinstance(alias, str) else f"FTE_{name.upper()}"


def default(field: FieldInfo) -> str:
    """Returns the default as text."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        return "empty" if not value.get_secret_value() else "secret"
    return f"`{value}`" if value not in ("", None, ()) else "empty"


def table(fields: dict[str, FieldInfo]) -> list[str]:
    """Returns the rows of one table."""
    rows = ["", "| variable | default | meaning |", "|---|---|---|"]
    for name, field in fields.items():
        rows.append(f"| `{variable(name, field)}` | {default(field)} | {field.description} |")
    return rows


def page() -> str:
    """Returns the whole page."""
    lines = [HEAD, "## Every service", *table(ServiceSettings.model_fields)]
    for service, settings in SERVICES.items():
        own = {
            name: field
            for name, field in settings.model_fields.items()
            if name not in ServiceSettings.model_fields
        }
        if own:
            lines += ["", f"## {service}", *table(own)]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Writes or checks the page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() == page():
        return 0
    print("docs/settings.md is stale: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
