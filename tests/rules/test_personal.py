"""Every column of a customer's table that can hold words is marked as personal, or said here not to be."""

import ast
import re

from sqlalchemy import JSON, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import String, TypeEngine

from app.database.masking import personal_columns
from app.models import GLOBAL_TABLES, Base, Payment, User
from app.privacy.personal import Kind
from tests.rules.tree import calls, sources

NOT_PERSONAL = {
    "a word of ours": {
        *("users.plan", "users.status", "teams.status", "payments.status", "payments.currency", "jobs.status"),
        *("jobs.kind", "jobs.queue", "jobs.error_code", "jobs.unique_key", "job_events.kind", "job_counts.kind"),
        *("job_counts.status", "imports.status", "datasets.status", "dataset_rows.status", "dataset_counts.status"),
        *("schema_fields.type", "import_errors.code", "stats_buckets.metric", "stats_buckets.dimension"),
        *("stats_deltas.metric", "stats_deltas.dimension", "audit_entries.action", "audit_entries.actor_kind"),
        *("bulk_acts.verb", "bulk_items.status", "failures.kind", "failures.error_class", "failures.place"),
        *("audit_entries.target_type", "audit_entries.origin", "audit_entries.request"),
    },
    "an id": {"payments.stripe_payment_intent", "payments.stripe_charge", "audit_entries.target_id"},
    "an organisation's": {"teams.name"},
    "staff's own, who answer for what they do": {"audit_entries.actor_name", "audit_entries.ip"},
    "drawn at random, and what was made of it": {"audit_personal.salt", "audit_entries.personal"},
    "content that the customer gave to be worked on": {
        *("datasets.name", "dataset_rows.data", "dataset_rows.image_url", "dataset_rows.image_hash", "schemas.name"),
        *("schema_fields.key", "schema_fields.label", "schema_fields.enum", "schema_fields.pattern"),
        *("imports.filename", "imports.plan", "imports.sha256", "imports.error_groups"),
        *("import_errors.field", "import_errors.message", "import_errors.raw"),
    },
}


def _holds_words(kind: TypeEngine[object]) -> bool:
    return isinstance(kind, String | Text | JSON | LargeBinary | ARRAY)


def test_every_column_that_can_name_somebody_is_marked_or_said_not_to() -> None:
    there, marked = set(), set()
    for mapper in Base.registry.mappers:
        table = mapper.class_.__table__
        if table.name not in GLOBAL_TABLES:
            there |= {f"{table.name}.{column.name}" for column in table.columns if _holds_words(column.type)}
            marked |= {f"{table.name}.{name}" for name in personal_columns(mapper.class_)}
    said = set().union(*NOT_PERSONAL.values())
    assert not marked & said
    assert there == marked | said
    assert sum(map(len, NOT_PERSONAL.values())) == len(said), "one reason each"


def test_what_is_personal_is_marked_by_how() -> None:
    assert personal_columns(User) == {"email": Kind.EMAIL, "name": Kind.NAME, "options": Kind.HIDDEN}
    assert personal_columns(Payment) == {"description": Kind.WORDS, "failure": Kind.WORDS}


def test_tables_of_staff_hold_no_customers() -> None:
    """They are read by few, and never masked."""
    for mapper in Base.registry.mappers:
        if mapper.class_.__table__.name in GLOBAL_TABLES:
            assert personal_columns(mapper.class_) == {}


def test_no_question_in_plain_text_selects_them() -> None:
    """The door cannot look through text, so it could not mask what it answers."""
    tables = {m.class_.__table__.name for m in Base.registry.mappers if personal_columns(m.class_)}
    assert "users" in tables
    named = re.compile(rf"\b(?:{'|'.join(tables)})\b", re.IGNORECASE)
    told, seen = [], 0
    for path in sources("app/repositories", "app/services", "app/authentication", "app/web"):
        for name, call in calls(path):
            if name.split(".")[-1] == "text":
                words = [one.value for one in ast.walk(call) if isinstance(one, ast.Constant)]
                told += [f"{path}:{call.lineno}" for one in words if named.search(str(one))]
                seen += 1
    assert seen > 5
    assert not told
