"""Fixtures of intake's unit tests."""

from tests.unit.intake.edge import edge

__all__ = ["edge"]
