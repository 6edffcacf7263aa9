"""Phrases that several screens and sentences need: days, durations, plurals."""

from datetime import date


def day(value: date | None) -> str | None:
    """A day in words: "3 Nov 2026"."""
    return None if value is None else f"{value.day} {value:%b %Y}"
