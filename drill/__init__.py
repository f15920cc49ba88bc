"""Fault drills against a running local stack: break it on a seeded schedule, then judge from outside."""
