"""Signing in: plain HTML forms that need no script."""
