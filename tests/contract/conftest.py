"""Fixtures of the contract tests."""

from tests.contract.openai_world import model, openai_process, provider

__all__ = ["model", "openai_process", "provider"]
