"""Postgres, the sidecar, the providers and the other services."""
