"""The only clock. Tests replace :func:`now`; everything else asks it through the module: ``clock.now()``."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment in UTC, aware."""
    return datetime.now(UTC)
