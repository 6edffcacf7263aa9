"""Named questions to the database: plain functions, `work` first, rows out."""
