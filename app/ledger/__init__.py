"""The job ledger: the one truth about jobs. An engine merely delivers."""
