"""What jobs do, one file a noun."""
