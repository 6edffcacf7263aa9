"""Entries of the audit log as sentences: the change in them, in words of the screens, as far as there is room."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from app.models import Action
from pages.shared.audit_sentences import is_told, parts, sentence
from pages.shared.audit_timeline import audit_entry


def entry(action: Action, kind: str, label: str, **more: Any) -> Any:
    """A row of the log."""
    known = {
        "id": 7,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "actor_name": "Ana",
        "actor_kind": "staff",
        "action": action,
    }
    known |= {"target_type": kind, "target_id": "x", "target_label": label}
    return SimpleNamespace(**{**known, "reason": None, "before": None, "after": None, "detail": None, **more})


def edited(before: dict[str, Any], after: dict[str, Any]) -> Any:
    return entry(Action.USER_OPTIONS_EDITED, "user", "Otto", before=before, after=after)


PLAN = {"before": {"plan": "free"}, "after": {"plan": "premium"}}
THREE = {"options.a": 1, "options.b": 2, "options.c": 3}
SENTENCES = [
    (
        entry(Action.USER_PLAN_CHANGED, "user", "Otto Braun", reason="ticket 4312", **PLAN),
        "Ana changed the plan of Otto Braun from Free to Premium (ticket 4312)",
    ),
    (
        entry(Action.DATASET_RENAMED, "dataset", "Flights", before={"name": "Flights"}, after={"name": "Departures"}),
        "Ana renamed the dataset Flights to Departures",
    ),
    (
        entry(Action.STAFF_ROLE_CHANGED, "staff", "Bea", before={"role": "viewer"}, after={"role": "super_admin"}),
        "Ana changed the role of Bea from Viewer to Super admin",
    ),
    (
        entry(Action.ROW_EDITED, "row", "row 5 of Flights", before={"data.dep": 1}, after={"data.dep": 12345}),
        "Ana edited row 5 of Flights: dep from 1 to 12,345",
    ),
    (
        entry(
            Action.TEAM_LIMITS_CHANGED,
            *("team", "Acme"),
            before={"user_limit": None, "dataset_limit": 4},
            after={"user_limit": 9, "dataset_limit": None},
        ),
        "Ana changed the limits of the team Acme: users from no limit to 9 and datasets from 4 to no limit",
    ),
    (edited({"options.beta": False}, {"options.beta": True}), "Ana edited the options of Otto: beta from no to yes"),
    (
        edited(THREE, dict.fromkeys(THREE, 9)),
        "Ana edited the options of Otto: a from 1 to 9, b from 2 to 9 and 1 more field",
    ),
    (
        edited({"options.x": "long " * 20}, {"options.x": "short"}),
        "Ana edited the options of Otto: x from long long long long long long long long… to short",
    ),
    (
        entry(Action.USER_DEACTIVATED, "user", "Otto", before={"status": "active"}, after={"status": "deactivated"}),
        "Ana deactivated Otto",
    ),
    (
        entry(Action.USER_MOVED, "user", "Otto", before={"team_id": "1"}, after={"team_id": "2"}, detail={"team": "B"}),
        "Ana moved Otto to B",
    ),
    (
        entry(
            Action.USER_PLAN_CHANGED, "user", "user 1a2b, erased on 2026-11-21", reason="erased on 2026-11-21", **PLAN
        ),
        "Ana changed the plan of user 1a2b (erased) from Free to Premium",
    ),
    (
        edited({"options.x": {"$erased": "2026-11-21"}}, {"options.x": 1}),
        "Ana edited the options of Otto: x from erased on 2026-11-21 to 1",
    ),
    (
        entry(Action.DATASET_DELETED, "dataset", "Flights", detail={"rows": 1200}),
        "Ana deleted the dataset Flights (1,200 rows)",
    ),
    (entry(Action("session.started"), "staff", ""), "Ana signed in"),
]


@pytest.mark.parametrize(("told", "said"), SENTENCES, ids=[said for _, said in SENTENCES])
def test_a_sentence_reads_like_a_person_wrote_it(told: Any, said: str) -> None:
    assert sentence(told) == said


def test_an_action_of_another_version_is_told_by_its_name() -> None:
    assert sentence(SimpleNamespace(**vars(SENTENCES[0][0]) | {"action": "user.cloned"})).startswith(
        "Ana user.cloned Otto"
    )


def test_the_record_is_a_link_unless_it_is_gone() -> None:
    assert ("Otto Braun", "/users/x") in parts(SENTENCES[0][0])
    assert ("Flights", "") in parts(SENTENCES[-2][0])


def test_a_time_line_repeats_no_difference_that_its_sentence_tells() -> None:
    few, many = SENTENCES[0][0], edited(THREE, dict.fromkeys(THREE, 9))
    assert is_told(few)
    assert audit_entry(few).changes == ()
    assert list(audit_entry(few, whole=True).changes) == [("plan", "Free", "Premium")]
    assert [name for name, _, _ in audit_entry(many).changes] == ["a", "b", "c"]
    assert audit_entry(many, linked=True).opens == "/audit/7"
