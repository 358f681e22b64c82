"""Signing in: from the file's `auth` to what a request carries."""
