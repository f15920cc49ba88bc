"""Delivery reaches a provider through the sidecar only: no other client's transport is in its code."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DELIVERY = ROOT / "services" / "delivery"
# Whatever opens connections of its own. Google's token exchange is no send; the chassis makes it.
FORBIDDEN = {
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "openai",
    "http.client",
    "urllib.request",
    "socket",
}
ALLOWED = {
    # The client wants a transport to exist, and an answer in its form.
    "httplib2": {"Http", "Response"},
    "twilio.http": {"AsyncHttpClient"},
    "twilio.http.response": {"Response"},
}


def _problems(text: str) -> list[str]:
    """Returns what a module's text does that only the sidecar may do."""
    found = []
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [alias.name for alias in names if _is_transport(alias.name)]
            case ast.ImportFrom(module=str(module), names=names):
                allowed = ALLOWED.get(module, set())
                found += [
                    f"{module}.{alias.name}"
                    for alias in names
                    if _is_transport(f"{module}.{alias.name}") and alias.name not in allowed
                ]
            case ast.Attribute(value=ast.Name(id="httplib2"), attr=attribute):
                found += [] if attribute in ALLOWED["httplib2"] else [f"httplib2.{attribute}"]
            case ast.Attribute(attr="execute" | "execute_async" | "authorize"):
                # Of the official Google client: it would send by its own transport.
                if "googleapiclient" in text:
                    found.append(f".{node.attr}")
            case _:
                pass
    return found


def _is_transport(module: str) -> bool:
    return module.startswith(("twilio.http", "google.auth.transport")) or any(
        module == one or module.startswith(f"{one}.") for one in FORBIDDEN
    )


def test_delivery_uses_no_transport_but_the_sidecar() -> None:
    modules = list(DELIVERY.rglob("*.py"))
    assert len(modules) > 20
    problems = {
        str(path.relative_to(ROOT)): found
        for path in modules
        if (found := _problems(path.read_text()))
    }
    assert problems == {}


def test_planted_transports_are_seen() -> None:
    for planted in (
        "import requests",
        "import httpx as x",
        "from aiohttp import ClientSession",
        "import urllib.request",
        "from twilio.http.http_client import TwilioHttpClient",
        "from google.auth.transport.requests import AuthorizedSession",
        "import httplib2\nhttplib2.HTTPConnectionWithTimeout('x')",
        "from googleapiclient.discovery import build\nbuild('gmail').send().execute()",
    ):
        assert _problems(planted), planted
