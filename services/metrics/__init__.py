"""Metrics: keeps the facts that the other services report, and reports on them."""
