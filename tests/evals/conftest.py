"""Says in the last lines of a run which evaluations on public data were not run, and how they are."""

import pytest

_NOT_RUN = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes room for the names."""
    config.stash[_NOT_RUN] = []


@pytest.hookimpl(tryfirst=True)
def pytest_deselected(items: list[pytest.Item]) -> None:
    """Notes which tests wait for public data."""
    for item in items:
        if item.get_closest_marker("corpora"):
            item.config.stash[_NOT_RUN].append(item.nodeid)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Writes them."""
    names = sorted({name.partition("[")[0] for name in config.stash[_NOT_RUN]})
    if names:
        terminalreporter.write_line("not run, for want of public data (make corpora CORPORA=DIR):")
        for name in names:
            terminalreporter.write_line(f"  {name}")
