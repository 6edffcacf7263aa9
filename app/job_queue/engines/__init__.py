"""Engines deliver "run this job"; nothing more."""
