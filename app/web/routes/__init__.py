"""Plain HTTP routes beside the screens."""
