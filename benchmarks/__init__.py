"""How fast it is, each measure against a reference of the same run: ``python -m benchmarks``."""
