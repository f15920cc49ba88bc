"""Use cases: thinking about a turn, and running the turns that are due."""
