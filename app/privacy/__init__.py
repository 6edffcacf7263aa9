"""What is not shown to everybody: personal data and the secrets of jobs."""
