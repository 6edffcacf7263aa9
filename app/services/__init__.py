"""The verbs: plain functions, `actor` first, one block of the door each."""
