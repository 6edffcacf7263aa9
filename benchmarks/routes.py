"""Where the screens' benchmark goes: each screen, the questions that people ask of its list, and a click."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from app.actor import Staff
from app.database import reading
from app.paging import PLACE, Cursor
from app.permissions import Permission
from app.repositories import audit, datasets, jobs, payments, users
from app.repositories.keyset import Listing
from benchmarks.company import DATASETS, BigCompany
from benchmarks.database import Bench
from pages import SCREENS

DEPTH = 0.9
READ_THE_LOG = ("users", "audit")
"""Routes that show what happened: a record's page, which ``click`` opens, and the log itself."""
OPEN_RECORD = "main tbody td.main a"
PRESS_ACTION = "main tbody td.acts button"
HOME = {"title": "Home", "path": "/", "list": False}
AUDIT = {"title": "Audit log", "path": "/audit", "list": True}


@dataclass(frozen=True, slots=True)
class Route:
    """One screen. ``page`` and ``other`` (from where one changes to it) are what ``painting.js`` waits for; ``deep``
    and ``filters`` are addresses of the list, ``record`` is the one of what happened to one record, ``searches`` are
    words; ``click`` is pressed on ``click_on``.
    """

    name: str
    page: Mapping[str, Any]
    deep: Sequence[str] = ()
    filters: Sequence[str] = ()
    searches: Sequence[str] = ()
    record: str = ""
    click: str = ""
    click_on: str = ""
    limited: bool = False

    @property
    def other(self) -> Mapping[str, Any]:
        """Another screen that is there for everybody."""
        return AUDIT if self.page["path"] == "/" else HOME


async def routes(at: Bench, big: BigCompany) -> list[Route]:
    """All screens of the menu; those with a large list are asked much."""
    asked = {route.page["path"]: route for route in await _lists(at, big)}
    menu = [screen for screen in SCREENS if screen.menu is not None]
    plain = ("/teams", "/staff", "/exports")
    return [
        asked.get(screen.path)
        or Route(
            screen.path.strip("/") or "home",
            {"title": screen.title, "path": screen.path, "list": screen.path in plain},
        )
        for screen in menu
    ]


async def _lists(at: Bench, big: BigCompany) -> list[Route]:
    admin = at.admin
    large, small = big.teams[1], big.teams[3]
    user = await admin.fetchrow("SELECT id, email FROM users ORDER BY id OFFSET $1 LIMIT 1", big.users // 2)
    job = await admin.fetchval("SELECT id FROM jobs ORDER BY id OFFSET $1 LIMIT 1", big.rows("jobs") // 2)
    intent = await admin.fetchval(
        "SELECT stripe_payment_intent FROM payments ORDER BY id OFFSET $1 LIMIT 1", big.rows("payments") // 2
    )
    record = f"user:{user['id']}"
    return [
        Route(
            "users",
            _list("Users"),
            await _deep(at.ann, "/users", users.LISTING, big.rows("users")),
            _addresses("/users", [("plan", "premium"), ("status", "deactivated")], [("team", large)],
                       [("plan", "premium"), ("team", small)], [("sort", "name")],
                       [("status", "deactivated"), ("sort", "name")], [("created_at", "30d"), ("plan", "premium")]),
            ("Nakamura", "Ada Lindqvist", user["email"], str(user["id"]), "user77"),
            "", OPEN_RECORD, "/users", limited=True,
        ),
        Route(
            "payments",
            _list("Payments"),
            await _deep(at.ann, "/payments", payments.LISTING, big.rows("payments")),
            _addresses("/payments", [("status", "failed")], [("status", "disputed"), ("currency", "JPY")],
                       [("team", small), ("status", "failed")], [("user", user["id"])], [("sort", "-amount")],
                       [("created_at", "30d"), ("status", "cancelled")]),
            (intent, "57 pages", user["email"], "Nakamura"),
            "", OPEN_RECORD, "/payments", limited=True,
        ),
        Route(
            "jobs",
            _list("Jobs"),
            await _deep(at.ann, "/jobs", jobs.LISTING, big.rows("jobs")),
            _addresses("/jobs", [("status", "failed")], [("kind", "dataset.import"), ("status", "cancelled")],
                       [("team", small), ("status", "failed")], [("active", "24h"), ("status", "failed")],
                       [("kind", "import.delete"), ("team", small), ("status", "failed")]),
            (str(job), "page 57 gave up", "dataset.import"),
            "", PRESS_ACTION, "/jobs?status=failed", limited=True,
        ),
        Route(
            "audit",
            AUDIT,
            await _deep(at.ann, "/audit", audit.LISTING, big.rows("audit_entries")),
            _addresses("/audit", [("action", "user.deactivated")], [("person", big.tess.staff_id)],
                       [("record", record)], [("at", "30d"), ("action", "job.retried")],
                       [("person", big.tess.staff_id), ("action", "import.finished")], [("record", "session")]),
            (), f"/audit?{urlencode({'record': record})}", OPEN_RECORD, "/audit", limited=True,
        ),
        Route(
            "datasets",
            _list("Datasets"),
            await _deep(at.ann, "/datasets", datasets.LISTING, DATASETS),
            _addresses("/datasets", [("team", large)], [("sort", "name")]),
            ("Set 39",), "", OPEN_RECORD, "/datasets",
        ),
    ]  # fmt: skip


def _list(title: str) -> Mapping[str, Any]:
    return {"title": title, "path": f"/{title.lower()}", "list": True}


def _addresses(path: str, *questions: Sequence[tuple[str, Any]]) -> list[str]:
    return [f"{path}?{urlencode(question)}" for question in questions]


async def _deep(ann: Staff, path: str, listing: Listing, rows: int) -> list[str]:
    """The address of the page at 90 % of a list, and of the one shortly after it."""
    column, found = listing.column(listing.default), []
    for offset in (int(rows * DEPTH), int(rows * DEPTH) + 777):
        query = select(column, listing.id).order_by(column.desc(), listing.id.desc()).offset(min(offset, rows - 60))
        async with reading(ann, Permission.HOME_READ, timeout=60) as work:
            value, id_ = (await work.execute(query.limit(1))).one()
        place = value.isoformat() if isinstance(value, datetime) else value if isinstance(value, int) else str(value)
        found.append(f"{path}?{PLACE}={Cursor(place, str(id_)).encode()}")
    return found
