"""A stand-in for an OpenAI-compatible model server whose replies are scripted."""
