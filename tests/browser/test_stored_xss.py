"""Stored XSS: every text that the database would take from a customer or a colleague is an attack, and every screen is
opened on them in Chromium. Nothing of them may run, become an element, or be refused only by the page's policy.

Which texts there are is read from the catalog, so that a column of tomorrow is attacked, too.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from playwright.async_api import Page, expect

from app.ids import uuid7
from pages import SCREENS
from tests.browser.conftest import OpenPage
from tests.factories import (
    Made,
    add_bulk_act,
    add_engine_room,
    add_failure,
    add_job,
    add_payment,
    add_user,
    add_values,
    make_dataset,
)
from tests.product import Product

MARK = "window.__xss"
EVERYTHING = (
    f"'\"><script>{MARK}=1</script><img src=x onerror={MARK}=2><svg onload={MARK}=3></svg>"
    f"<a href=javascript:{MARK}=4>x</a>{{{{constructor.constructor('{MARK}=5')()}}}}${{{MARK}=6}}</textarea></title>"
    f"<iframe srcdoc='<script>parent.__xss=7</script>'></iframe><style>*{{display:none}}</style><!--"
)
ATTACKS = (
    f"javascript:{MARK}=11//",
    f" autofocus onfocus={MARK}=12 x=",
    f"` onmouseover={MARK}=13 `",
    f"</script><script>{MARK}=14</script>",
    f"String.raw`${{{MARK}=15}}`",
    f":onclick={MARK}=16",
    f"data:text/html,<script>{MARK}=17</script>",
    "\u202ereversed \u2066\u200b\u2028\x1b[31m\x7f\x01\t\r\n",
    "x" * 3_000,
    f'{{"__proto__": {{"x": "{MARK}=18"}}}}',
    "%3Cscript%3E &lt;script&gt; &#60;script&#62; \\u003cscript\\u003e",
    f"=cmd|' /C {MARK}=19'!A1",
)
KEYS = (":rowClass", ":valueFormatter", "__proto__", "constructor", "onclick", f"x' onerror={MARK}=20 '", "<b>key</b>")
KEPT = {
    "alembic_version": {"version_num"},
    "dataset_counts": {"status"},
    "dataset_rows": {"image_url"},  # a picture that would load from elsewhere is only slow
    "import_errors": {"code"},
    "job_counts": {"kind", "status"},
    "job_events": {"kind"},
    "jobs": {"kind", "queue", "error_code"},
    "schema_fields": {"type", "pattern"},
    "staff": {"password_hash"},
    "staff_links": {"purpose"},
    "stats_buckets": {"metric", "dimension"},
    "stats_deltas": {"metric", "dimension"},
}
"""Words of the program itself, which nobody enters."""

APPEND_ONLY = {"audit_personal", "audit_seals"}
"""Cannot be changed afterwards: entries that are written here fill the first, nobody enters texts of the other."""

NO_TEXTS = {"/stats", "/staff/roles", "/datasets/new", "/audit/actions"}
"""Screens of numbers and of our own words."""

TEXTS = """
    SELECT c.relname AS table, a.attname AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid IN ('text'::regtype, 'varchar'::regtype) ORDER BY 1, 2"""
WATCH = """
    window.__violations = [];
    document.addEventListener('securitypolicyviolation', event =>
        window.__violations.push(event.effectiveDirective + ' ' + event.blockedURI + ' ' + event.sample));"""
FOUND = """() => ({
    ran: window.__xss ?? null,
    polluted: ({}).x ?? null,
    violations: window.__violations,
    elements: [...document.querySelectorAll('*')].filter(element =>
        ['IFRAME', 'OBJECT', 'EMBED', 'BASE'].includes(element.tagName) ||
        element.tagName === 'FORM' && !element.action.startsWith(origin) ||
        [...element.attributes].some(({name, value}) => /^on/i.test(name) ||
            ['href', 'src', 'action', 'formaction', 'srcdoc', 'xlink:href'].includes(name) &&
                /^\\s*(javascript|data:text|vbscript)/i.test(value)) ||
        element.tagName === 'SCRIPT' && element.textContent.includes('__xss=') && !element.nonce
    ).map(element => element.outerHTML.slice(0, 300)),
    text: document.body.innerText,
})"""


WRONG = ("ran", "polluted", "violations", "elements")


def attack(number: int) -> str:
    """One text: what is special about it stands first, and everything follows."""
    return f"{ATTACKS[number % len(ATTACKS)]} {EVERYTHING} {number}"


def nested() -> dict[str, Any]:
    """The same as a document: in keys, in values, and inside."""
    found: dict[str, Any] = {key: attack(n) for n, key in enumerate(KEYS)}
    return found | {EVERYTHING: [attack(8), {attack(9): None}], "options": {":formatter": f"{MARK}=21"}}


async def attacked(admin: asyncpg.Connection, product: Product) -> Mapping[str, Any]:
    """A company whose every text is an attack; returns an id for each kind of record."""
    acme = product.company.acme
    fields: dict[str, Any] = dict.fromkeys(("text", "constructor", "onclick"), "text")
    fields |= {"number": "number", "home": "url", "extra": "json", "words": "long_text", "picture": "image_url"}
    fields |= {"kind": {"type": "choice", "enum": [attack(1), attack(2)]}}
    made = await make_dataset(admin, acme, "attacked", fields)
    values = [
        {**nested(), **{key: attack(n) for key in fields}, "number": n, "extra": nested()} for n in range(len(ATTACKS))
    ]
    await add_values(admin, made, values)
    for n in range(len(ATTACKS)):
        await make_dataset(admin, acme, f"attacked {n}", {})
        user = await add_user(admin, acme, "attacked", f"{n}@example.com", options=json.dumps(nested()))
        payment = await add_payment(admin, acme, user_id=user, status="failed", stripe_payment_intent=f"pi_{n}")
        job = await add_job(admin, acme, kind="dataset.import")
        await admin.execute(
            "UPDATE jobs SET input = $2, result = $2, error = '', progress_text = 'x' WHERE id = $1",
            *(job, json.dumps(nested())),
        )
        entry = await _entry(admin, made, n)
    await _import(admin, made, job)
    await admin.execute(
        "INSERT INTO api_tokens (id, staff_id, name, hint, digest, permissions, created_at, expires_at)"
        " VALUES ($1, $2, 'x', 'x', '\\x00', '{jobs:read}', now(), now() + interval '1 day')",
        *(uuid7(), product.company.sue.staff_id),
    )
    schedule = await add_engine_room(admin)
    failure = await add_failure(admin, job, f"dataset.import {attack(0)}")
    bulk = await add_bulk_act(admin, product.company.ann.staff_id, job, attack(1))
    await poison(admin)
    row = await admin.fetchval("SELECT id FROM dataset_rows WHERE dataset_number = $1 LIMIT 1", made.number)
    import_id = await admin.fetchval("SELECT id FROM imports WHERE dataset_id = $1", made.id)
    return {"datasets": made.id, "imports": import_id, "jobs": job, "audit": entry, "users": user, "teams": acme,
            "payments": payment, "staff": product.company.tess.staff_id, "row": row, "schedules": schedule,
            "failures": failure, "bulk": bulk}  # fmt: skip


async def _entry(admin: asyncpg.Connection, made: Made, n: int) -> int:
    """Entries of the audit log cannot be changed afterwards, not even by a superuser."""
    words = json.dumps({**nested(), "name": attack(n)})
    entry: int = await admin.fetchval(
        "INSERT INTO audit_entries (team_id, actor_name, actor_kind, action, target_type, target_id, target_label,"
        " reason, before, after, detail) VALUES ($1, $2, 'staff', 'dataset.renamed', 'dataset', $3, $2, $2, $4, $4, $4)"
        " RETURNING id",
        *(made.team_id, attack(n), str(made.id), words),
    )
    return entry


async def _import(admin: asyncpg.Connection, made: Made, job: UUID) -> None:
    groups = json.dumps([{"field": attack(n), "code": "not_a_number", "count": 1} for n in range(3)])
    await admin.execute(
        "UPDATE imports SET rows_bad = 1, error_groups = $2, job_id = $3, started_at = now(), finished_at = now()"
        " WHERE dataset_id = $1",
        *(made.id, groups, job),
    )
    for n in range(len(ATTACKS)):
        await admin.execute(
            "INSERT INTO import_errors (import_id, team_id, n, line, field, code, message, raw)"
            " SELECT id, team_id, $2, 7, 'x', 'not_a_number', 'x', 'x' FROM imports WHERE dataset_id = $1",
            *(made.id, n + 1),
        )
    await admin.execute(
        "INSERT INTO workers (id, host, pid, started_at, heartbeat_at, concurrency, engine, version)"
        " VALUES ($1, 'x', 1, now(), now(), 2, 'x', 'x')",
        uuid7(),
    )


async def poison(admin: asyncpg.Connection) -> None:
    """Put an attack into every text of every table that takes one; what a constraint refuses can hold none."""
    texts = json.dumps([attack(n) for n in range(len(ATTACKS))])
    for table, column in await admin.fetch(TEXTS):
        if column in KEPT.get(table, ()) or table in APPEND_ONLY:
            continue
        numbered = f"row_number() OVER (ORDER BY ctid) AS n FROM {table}"
        statement = (
            f"UPDATE {table} t SET {column} = ($1::jsonb ->> ((s.n - 1) % {len(ATTACKS)})::int) || s.n"
            f" FROM (SELECT ctid AS place, {numbered}) s WHERE t.ctid = s.place"
        )
        try:
            async with admin.transaction():
                # What a constraint refuses of a superuser would stand in PostgreSQL's log with the whole row.
                await admin.execute("SET LOCAL session_replication_role = replica; SET LOCAL log_min_messages = fatal")
                await admin.execute(statement, texts)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.GeneratedAlwaysError):
            continue


@pytest.mark.timeout(180)
async def test_no_text_of_anybody_runs_on_any_screen(product: Product, open_page: OpenPage) -> None:
    page = await open_page()
    await product.enter(page.context, product.company.sue)
    async with product.behind() as admin:
        ids = await attacked(admin, product)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await page.add_init_script(WATCH)
    problems, unmarked = [], []
    for screen in SCREENS:
        found = await shown(page, product.origin + address(screen.path, ids))
        problems += [f"{screen.path}: {key} {found[key]}" for key in WRONG if found[key]]
        if MARK not in found["text"]:
            unmarked.append(screen.path)
    assert not [*problems, *dialogs]
    assert set(unmarked) <= NO_TEXTS, "these screens showed no text of anybody, or not as text"


def address(path: str, ids: Mapping[str, Any]) -> str:
    """The address of a screen, with an attacked record in its path."""
    return re.sub(r"\{id\}", str(ids.get(path.split("/")[1])), path).replace("{row}", str(ids["row"]))


async def shown(page: Page, url: str) -> dict[str, Any]:
    """What a screen has become, once everything on it is there."""
    answer = await page.goto(url)
    assert answer is not None
    assert answer.status == 200, url
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    await expect(page.locator(".bones, .qd-skeleton, [aria-busy=true]")).to_have_count(0)
    found: dict[str, Any] = await page.evaluate(FOUND)
    return found
