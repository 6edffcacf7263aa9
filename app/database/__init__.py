"""The door: every read and write of the product goes through a unit of work of this package."""
