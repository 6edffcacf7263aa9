"""Engines that only tests use."""
