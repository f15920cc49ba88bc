"""A stand-in for Twilio's Messages API with WhatsApp addresses, its webhooks and callbacks."""
