"""What is answered over HTTP besides screens, and the guard in front of all of it."""
