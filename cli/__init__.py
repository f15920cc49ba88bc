"""The `fte` command."""
