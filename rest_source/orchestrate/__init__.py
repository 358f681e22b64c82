"""Specs as Dagster definitions."""
