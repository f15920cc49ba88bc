"""Metrics' edges: events in, Dapr's Postgres binding out, reports over gRPC."""
