"""What the product is and does; knows nothing of screens."""

from importlib.metadata import version

__version__ = version("quarterdeck")
