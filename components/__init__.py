"""Reusable pieces of the user interface: told what to load and what to call, never who loads it."""
