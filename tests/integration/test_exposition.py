"""Figures for Prometheus: scraped from a real port, counted by calls and events that really were."""

import asyncio
from collections.abc import AsyncIterator
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chassis.exposition import EVENTS, GRPC_CALLS, SERVING, expose
from tests.integration.ports import free_port


@pytest.fixture
async def port() -> AsyncIterator[int]:
    port = free_port()
    close = expose("127.0.0.1", port)
    yield port
    await close()


async def test_what_is_counted_can_be_scraped(port: int) -> None:
    GRPC_CALLS.labels("/fte.test/Call", "OK").inc()
    EVENTS.labels("fte.test", "taken").inc(2)
    SERVING.labels("ready").set(1)

    def scrape() -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert answer.headers["content-type"].startswith("text/plain")
            return str(answer.read().decode())

    families = {f.name: f for f in text_string_to_metric_families(await asyncio.to_thread(scrape))}
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for name in ("fte_grpc_calls", "fte_events", "fte_serving")
        for sample in families[name].samples
    }
    assert samples["fte_grpc_calls_total", "/fte.test/Call", "OK"] == 1
    assert samples["fte_events_total", "fte.test", "taken"] == 2
    assert samples["fte_serving", "ready"] == 1
    # One series for each figure: none for the time at which it began.
    assert not [name for name in families if name.startswith("fte_") and name.endswith("_created")]


async def test_the_port_is_closed_with_the_process() -> None:
    port = free_port()
    await expose("127.0.0.1", port)()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)
