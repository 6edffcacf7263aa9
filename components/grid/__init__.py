"""The grid of a dataset, and the table of its columns."""
