"""Passwords and tokens: pure functions."""
