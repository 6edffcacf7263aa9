"""The three datasets of the demo: how their rows came, who decided them, who corrected them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.demo.collections import COLLECTIONS, Collection, File
from app.demo.dice import Dice
from app.demo.documents import Desk
from app.demo.history import Actor, History, Record, Target
from app.demo.staff import Office
from app.job_queue.tasks import DATASET_IMPORT
from app.models import Action, DatasetStatus, ImportStatus, RowStatus
from app.permissions import Role
from app.tabular.plan import BadRow, Dialect, ImportPlan, Place, PlanColumn, RowError, dump
from app.tabular.rules import MESSAGES

_DECISIONS = (
    (RowStatus.APPROVED, 80.0),
    (RowStatus.CHANGES_REQUESTED, 8.0),
    (RowStatus.REJECTED, 7.0),
    (RowStatus.NEEDS_FIX, 5.0),
)
_REVIEWERS = {Role.REVIEWER, Role.ADMIN}
_SITTING = 17
"""Minutes that a handful of rows take at most."""
_CORRECTED = 0.04
"""The share of decided rows of which somebody corrected a value."""


@dataclass
class Collections:
    """All that belongs to datasets, by table."""

    dice: Dice
    history: History
    office: Office
    desk: Desk
    start: datetime
    now: datetime
    datasets: list[Record] = field(default_factory=list)
    schemas: list[Record] = field(default_factory=list)
    versions: list[Record] = field(default_factory=list)
    fields: list[Record] = field(default_factory=list)
    imports: list[Record] = field(default_factory=list)
    issues: list[Record] = field(default_factory=list)
    rows: dict[UUID, list[Record]] = field(default_factory=dict)
    """By dataset: a row's number of its dataset is known only when the dataset is written."""
    bad: dict[UUID, tuple[ImportPlan, list[BadRow]]] = field(default_factory=dict)
    """What the file of bad rows holds, by import."""

    def make(self, teams: Sequence[Record]) -> None:
        """Make them all, each for its team."""
        for collection in COLLECTIONS:
            self._make(collection, teams[collection.team])

    def counts(self, dataset_id: UUID) -> Counter[str]:
        """How many rows stand where."""
        return Counter(row["status"] for row in self.rows[dataset_id])

    def _make(self, collection: Collection, team: Record) -> None:
        dataset: Record = {}
        for file in collection.files:
            found = self.office.at_work(self.start + timedelta(days=file.day), {Role.ADMIN})
            if found is None:
                continue
            actor, at = found
            if not dataset:
                dataset = self._create(collection, team, actor, at)
            self._import(collection, file, dataset, actor, at + timedelta(seconds=2))
        if dataset and collection.name != dataset["name"]:
            self._rename(dataset, collection.name)
        self._review(collection, dataset)

    def _create(self, collection: Collection, team: Record, actor: Actor, at: datetime) -> Record:
        schema, dataset = self.dice.id(at), self.dice.id(at)
        shared = {"team_id": team["id"], "created_at": at}
        self.schemas.append({"id": schema, "name": collection.first_name, "current_version": 1, **shared})
        self.versions.append({"schema_id": schema, "version": 1, "created_by": actor.id, **shared})
        self.fields += [
            {
                "schema_id": schema, "version": 1, "key": f.key, "team_id": team["id"], "label": f.label,
                "type": f.type.value, "required": f.required, "enum": list(f.choices) or None,
                "minimum": f.minimum, "maximum": f.maximum, "position": n, "deprecated": False,
            }
            for n, f in enumerate(collection.fields)
        ]  # fmt: skip
        record = {
            "id": dataset,
            "team_id": team["id"],
            "schema_id": schema,
            "name": collection.first_name,
            "next_position": 1,
            "status": DatasetStatus.ACTIVE.value,
            "version": 1,
            "created_by": actor.id,
            "created_at": at,
            "updated_at": at,
        }
        self.datasets.append(record)
        self.rows[dataset] = []
        target = Target("dataset", dataset, collection.first_name, team["id"])
        after = {"id": dataset, "name": collection.first_name, "status": "active", "next_position": 1}
        detail = {"fields": len(collection.fields)}
        self.history.record(at, actor, Action.DATASET_CREATED, target, after=after, detail=detail)
        return record

    def _import(self, collection: Collection, file: File, dataset: Record, actor: Actor, at: datetime) -> None:
        import_id, file_id, team_id = self.dice.id(at), self.dice.id(at), dataset["team_id"]
        plan = _plan(collection)
        words = {"import_id": str(import_id), "file": file.name, "dataset": dataset["name"]}
        job = self.desk.queued(DATASET_IMPORT, team_id, at, actor.id, words)
        result = {"rows": file.rows, "bad": file.bad}
        read = file.rows + file.bad
        job["checkpoint"] = {"place": dump(Place(96 * read, read + 1, file.rows, file.bad))}
        done = self.desk.succeed(job, at, 0.004 * file.rows, result)
        size, first = 96 * (file.rows + file.bad), dataset["next_position"]
        self.imports.append(
            {
                "id": import_id,
                "team_id": team_id,
                "dataset_id": dataset["id"],
                "job_id": job["id"],
                "status": ImportStatus.SUCCEEDED.value,
                "filename": file.name,
                "file_id": file_id,
                "size_bytes": size,
                "sha256": hashlib.sha256(f"demo {file.name}".encode()).digest(),
                "skip_bad": True,
                "plan": dump(plan),
                "first_position": first,
                "rows_good": file.rows,
                "rows_bad": file.bad,
                "error_groups": [],
                "created_by": actor.id,
                "created_at": at,
                "started_at": job["started_at"],
                "finished_at": done,
            }
        )
        target = Target("import", import_id, file.name, team_id)
        started = {"dataset": dataset["name"], "bytes": size}
        self.history.record(at, actor, Action.IMPORT_STARTED, target, detail=started)
        self._rows(collection, file, dataset, import_id, done)
        self._issues(collection, file, plan)
        system = Actor("system", actor.id, f"Job {job['id'].hex[-8:]}")
        ended = result | {"dataset": dataset["name"]}
        self.history.record(done, system, Action.IMPORT_FINISHED, target, detail=ended)
        dataset.update(next_position=first + file.rows, updated_at=done, version=dataset["version"] + 1)

    def _rows(self, collection: Collection, file: File, dataset: Record, import_id: UUID, at: datetime) -> None:
        first = dataset["next_position"]
        for n in range(first, first + file.rows):
            data = collection.row(self.dice, at, n)
            self.rows[dataset["id"]].append(
                {
                    "id": self.dice.id(at + timedelta(milliseconds=n)), "team_id": dataset["team_id"], "position": n,
                    "image_url": data["photo"], "data": data, "schema_version": 1, "status": RowStatus.PENDING.value,
                    "reviewer_id": None, "reviewed_at": None, "version": 1, "import_id": import_id,
                    "created_at": at, "updated_at": at,
                }
            )  # fmt: skip

    def _issues(self, collection: Collection, file: File, plan: ImportPlan) -> None:
        import_, bad = self.imports[-1], []
        for n in range(file.bad):
            fault, line = collection.faults[n % len(collection.faults)], 17 + 61 * n
            message = MESSAGES[fault.code]
            self.issues.append(
                {
                    "import_id": import_["id"], "n": n + 1, "team_id": import_["team_id"], "line": line,
                    "field": fault.field, "code": fault.code.value, "message": message, "raw": fault.raw,
                }
            )  # fmt: skip
            data = collection.row(self.dice, import_["created_at"], n) | {fault.field: fault.raw}
            values = tuple(_written(data.get(f.key)) for f in collection.fields)
            bad.append(BadRow(line, values, (RowError(line, fault.field, fault.code, message, fault.raw),)))
        groups = Counter(
            (issue["field"], issue["code"]) for issue in self.issues if issue["import_id"] == import_["id"]
        )
        import_["error_groups"] = [{"field": f, "code": code, "count": n} for (f, code), n in groups.most_common()]
        if bad:
            self.bad[import_["id"]] = plan, bad

    def _rename(self, dataset: Record, name: str) -> None:
        if found := self.office.at_work(dataset["updated_at"] + timedelta(days=1), {Role.ADMIN}):
            why = "The year belongs to the name"
            self.history.change(found[1], found[0], Action.DATASET_RENAMED, "dataset", dataset, why, name=name)

    def _review(self, collection: Collection, dataset: Record) -> None:
        """Rows are decided in their order, a handful at a sitting."""
        rows = self.rows[dataset["id"]]
        decided = int(len(rows) * collection.reviewed)
        after = rows[0]["created_at"] + timedelta(hours=3)
        n = 0
        while n < decided and (
            found := self.office.at_work(max(after, rows[n]["created_at"]), _REVIEWERS, minutes=_SITTING)
        ):
            actor, at = found
            for row in rows[n : min(n + self.dice.randint(8, 40), decided)]:
                at = self.dice.later(at, 4, 25)
                self._decide(collection, dataset, row, actor, at)
                n += 1
            after = at + timedelta(hours=self.dice.expovariate(1 / 14))

    def _decide(self, collection: Collection, dataset: Record, row: Record, actor: Actor, at: datetime) -> None:
        status = self.dice.of(_DECISIONS).value
        row.update(status=status, reviewer_id=actor.id, reviewed_at=at, updated_at=at, version=row["version"] + 1)
        if not self.dice.chance(_CORRECTED):
            return
        key = collection.wrong
        old = row["data"][key]
        new = round(old - 1 if old >= 5 else old + 1, 5)
        row["data"] = row["data"] | {key: new}
        row["version"] += 1
        target = Target("row", row["id"], f"row {row['position']:,} of {dataset['name']}", dataset["team_id"])
        before, after = {f"data.{key}": old}, {f"data.{key}": new}
        self.history.record(at, actor, Action.ROW_EDITED, target, before=before, after=after)


def _plan(collection: Collection) -> ImportPlan:
    columns = tuple(PlanColumn(n, f.key, f.type, required=f.required) for n, f in enumerate(collection.fields))
    return ImportPlan(Dialect(), tuple(f.label for f in collection.fields), columns)


def _written(value: Any) -> str:  # noqa: ANN401 - a JSON value, as the file had it
    return ";".join(value) if isinstance(value, list) else "" if value is None else str(value)
