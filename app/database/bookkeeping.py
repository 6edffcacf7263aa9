"""What may be written without an audit entry: book-keeping that is no change by anybody.

A test compares :data:`BOOKKEEPING` with the grants of the role ``quarterdeck_keeper``, so this page is the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Kept:
    """What the keeper may do to one table. ``update`` names columns."""

    insert: bool = False
    delete: bool = False
    update: frozenset[str] = frozenset()


_JOB = (
    "status epoch attempts lease_until worker run_after delivered_at deliveries checkpoint progress progress_done "
    "progress_total progress_text result error_code error error_signature cost_micros started_at finished_at held_at "
    "cancel_seen_at run_started_at run_cost_micros"
)
_IMPORT = "status rows_good rows_bad error_groups first_position started_at finished_at"

BOOKKEEPING: Mapping[str, Kept] = MappingProxyType(
    {
        # A schedule asks for its job by itself: nobody acts, and the job's own time line tells of it.
        "jobs": Kept(insert=True, update=frozenset(_JOB.split())),
        "job_events": Kept(insert=True),
        "job_minutes": Kept(delete=True),
        # A schedule's job can be found by the words of its input, as any other.
        "job_words": Kept(insert=True),
        # What could not be done of an act that somebody's entry tells of; what could brings an entry of its own.
        "bulk_acts": Kept(update=frozenset({"succeeded", "refused"})),
        "bulk_items": Kept(update=frozenset({"status", "message", "done_at"})),
        # What the program declares is written down by whoever starts first.
        "queues": Kept(insert=True),
        "schedules": Kept(insert=True, update=frozenset({"next_run_at", "last_run_at", "last_job_id"})),
        "workers": Kept(insert=True, delete=True, update=frozenset({"heartbeat_at", "concurrency"})),
        "imports": Kept(update=frozenset(_IMPORT.split())),
        "import_errors": Kept(insert=True, delete=True),
        # Rows of an import become visible only by the recorded act that moves datasets.next_position, and are
        # removed in batches only after the recorded act that deletes their import or dataset.
        "dataset_rows": Kept(insert=True, delete=True),
        "dataset_counts": Kept(insert=True, delete=True, update=frozenset({"n"})),
        # What triggers noted is added up: numbers about changes, themselves no change.
        "stats_deltas": Kept(delete=True),
        "stats_buckets": Kept(insert=True, update=frozenset({"n", "total"})),
        "staff_sessions": Kept(update=frozenset({"last_seen_at"})),
        "api_tokens": Kept(update=frozenset({"last_used_at", "last_used_ip"})),
        # Seals tell of entries, and nothing of what anybody did.
        "audit_seals": Kept(insert=True),
        "audit_checks": Kept(
            update=frozenset({"up_to", "verified_at", "seen_seq", "next_seq", "problems", "whole_at"})
        ),
    }
)

UNWATCHED: Mapping[str, str] = MappingProxyType(
    {
        "alembic_version": "the schema's own version",
        "audit_entries": "the log itself, which nobody can change",
        "audit_personal": "what entries refer to: written with them; that it was erased leaves an entry",
        "audit_pending": "what a running transaction has changed",
        "audit_seals": "what proves that the log is as it was",
        "audit_checks": "how far that was proved",
        "audit_words": "by which words an entry is found",
        "audit_words_mark": "up to which entry",
        "job_counts": "a counter",
        "job_minutes": "a counter",
        "job_totals": "a counter",
        "stats_buckets": "a counter",
        "stats_deltas": "a counter",
        "user_days": "on which days somebody was active",
        "sign_in_tries": "how often somebody typed a wrong password",
        "sign_in_challenges": "a sign-in that waits for its second factor",
        "staff_devices": "from which devices somebody signed in",
    }
)
"""Tables of which no change past the door leaves an entry, and what they hold. No role of the application writes them
but the keeper, and functions and triggers of the database.
"""
