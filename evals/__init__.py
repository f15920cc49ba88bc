"""Simulated customers who write to a running stack and are graded by what came of it, judged from outside."""
