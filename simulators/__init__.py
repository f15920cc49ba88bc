"""Stand-ins for the outside world: Gmail, Twilio and an OpenAI-compatible model, one process each."""
