"""The whole demo company as rows, table by table: the same for the same hour, wherever it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.demo.chores import Chores
from app.demo.customers import Customers
from app.demo.datasets import Collections
from app.demo.dice import Dice
from app.demo.documents import Desk
from app.demo.history import History, Record
from app.demo.staff import Office
from app.demo.trade import Trade
from app.tabular.plan import BadRow, ImportPlan

DAYS = 90


@dataclass(frozen=True, slots=True)
class Company:
    """Everything that is written: rows by table in an order that keys allow, rows of datasets, and files."""

    tables: dict[str, Sequence[Record]]
    rows: dict[UUID, list[Record]]
    """The rows of each dataset."""
    documents: dict[UUID, str]
    """Recent documents, by their job."""
    bad_rows: dict[UUID, tuple[ImportPlan, list[BadRow]]]
    """What the files of bad rows hold, by their import."""


def found(now: datetime) -> Company:
    """Make the company as it is at the beginning of this hour (UTC)."""
    now = now.replace(minute=0, second=0, microsecond=0)
    start = (now - timedelta(days=DAYS)).replace(hour=0)
    dice, history = Dice(now.isoformat()), History()
    office = Office(dice, history, start, now)
    customers = Customers(dice, history, office, start, now)
    desk = Desk(dice, history, office, now)
    trade = Trade(dice, customers, desk, start, now)
    collections = Collections(dice, history, office, desk, start, now)
    collections.make(customers.teams)
    chores = Chores(dice, desk, start, now)
    tables: dict[str, Sequence[Record]] = {
        "staff": office.people,
        "teams": sorted(customers.teams, key=_by_id),
        "staff_teams": office.teams,
        "staff_sessions": sorted(office.sessions, key=_by_id),
        "users": [user.row for user in customers.users],
        "payments": sorted(trade.payments, key=_by_id),
        "schemas": collections.schemas,
        "schema_versions": collections.versions,
        "schema_fields": collections.fields,
        "datasets": collections.datasets,
        "schedules": chores.schedules,
        "jobs": sorted(desk.jobs, key=_by_id),
        "job_events": sorted(desk.events, key=lambda event: event["at"]),
        "imports": collections.imports,
        "import_errors": collections.issues,
        "audit_entries": sorted(history.entries, key=lambda entry: entry["at"]),
    }
    return Company(tables, collections.rows, desk.files, collections.bad)


def _by_id(record: Record) -> UUID:
    key: UUID = record["id"]
    return key
