"""The HTTP edge: the form, the status page, the providers' webhooks and the health page."""
