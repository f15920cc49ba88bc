"""Intake: takes what the outside world sends into a durable inbox and drives it on."""
