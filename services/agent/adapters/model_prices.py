"""Reads the dated price list of models."""

import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path

from services.agent.domain.usage import Price, PriceList

SHIPPED = Path(__file__).resolve().parent.parent / "prices" / "openai.toml"


class PriceError(ValueError):
    """The price list cannot be read; the message names the file and what is wrong."""


def load_prices(path: Path = SHIPPED) -> PriceList:
    """Reads a price list: `source`, `checked` and `[models.<name>]` with three prices as texts.

    Raises:
        PriceError: if it is no TOML, or a price is missing or no amount.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        return PriceList(
            {
                name: Price(*(_amount(prices[key]) for key in ("input", "cached_input", "output")))
                for name, prices in read["models"].items()
            }
        )
    # A file of another form fails at whatever it lacks; TOML and Unicode errors are ValueErrors.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        raise PriceError(f"{path}: {error}") from error


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or amount < 0:
        raise InvalidOperation(f"{text} is no price")
    return amount
