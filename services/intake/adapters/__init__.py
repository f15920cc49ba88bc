"""Intake's edges: Postgres, the sidecar, Gmail, Google's keys, gRPC and HTTP."""
