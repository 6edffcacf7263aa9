"""Keeping other processes: under which account they run, how they are started again, and how they end."""
