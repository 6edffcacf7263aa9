"""What several screens say alike; no screens. No screen imports another."""
