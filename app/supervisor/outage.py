"""A database of one's own that goes away while everything runs: said once, and once when it is back."""

import http.client
import json
import logging
import time
from dataclasses import dataclass, field

from app.config import Settings
from app.supervisor.address import reachable_host

LOOK_EVERY = 5.0
"""Seconds between two looks."""

log = logging.getLogger(__name__)


@dataclass
class Outage:
    """Watches a database that others keep, through the eyes of our web process."""

    settings: Settings
    away: bool = field(default=False, init=False)
    _next_look: float = field(default=0, init=False)

    def look(self) -> None:
        """Say what has changed. Call it as often as you like; it looks every few seconds."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        away = self._is_away()
        if away is None or away == self.away:
            return
        self.away = away
        if away:
            log.warning(
                "The database does not answer. Pages say so and jobs wait. Look at the PostgreSQL server; nothing has"
                " to be restarted here."
            )
        else:
            log.warning("The database answers again.")

    def _is_away(self) -> bool | None:
        """None: the web process itself does not tell."""
        status, reason = health(self.settings)
        if status == http.HTTPStatus.OK:
            return False
        return True if status == http.HTTPStatus.SERVICE_UNAVAILABLE and "does not answer" in reason else None


def health(settings: Settings) -> tuple[int, str]:
    """What ``/health/ready`` says: the HTTP status, 0 when nobody answers, and the reason when it is not ready."""
    connection = http.client.HTTPConnection(reachable_host(settings.host), settings.port, timeout=3)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        return answer.status, str(json.loads(answer.read()).get("reason", ""))
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return 0, ""
    finally:
        connection.close()
