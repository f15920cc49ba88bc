"""The description of the HTTP interface as OpenAPI 3.1: written in `openapi.yaml`, served as JSON."""

from pathlib import Path
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SOURCE = Path(__file__).resolve().parents[2] / "openapi.yaml"


def load_description() -> dict[str, Any]:
    """Reads the description."""
    return dict(yaml.safe_load(SOURCE.read_text()))


class Description:
    """Serves the description with the address under which this installation is reached."""

    def __init__(self, public_url: str) -> None:
        self._document = {**load_description(), "servers": [{"url": public_url}]}

    def routes(self) -> list[Route]:
        """Returns the route of the description."""
        return [Route("/openapi.json", self.document)]

    async def document(self, _: Request) -> Response:
        """Shows the description to anybody: it holds nothing of a customer or of a key."""
        return JSONResponse(self._document, headers={"cache-control": "max-age=300"})
