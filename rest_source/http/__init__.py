"""Talking to an API: requests, credentials, limits, retries, and failures a person can act on."""
