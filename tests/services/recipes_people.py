"""How to make every verb on staff, their sessions and secrets do its work."""

import pytest

from app.actor import Command, Staff
from app.authentication import one_time_links, passwords, second_factor, sessions, step_up
from app.authentication.sessions import WrongPassword
from app.errors import Invalid, RateLimited
from app.models import Action
from app.permissions import Permission, Role
from app.services import own_sessions, profile, staff, staff_rules, staff_sessions, tokens
from tests.people import PASSWORD
from tests.services.stage import NOBODY, OTHER, WHY, Do, Stage, simple, verb


async def _wrong(person: Staff) -> None:
    with pytest.raises(WrongPassword):
        await sessions.measured(person, "a wrong one")


async def _not_exchanged(person: Staff) -> None:
    with pytest.raises(Invalid):
        await passwords.exchanged(person, "a wrong one", OTHER)


simple(
    "staff.invite",
    Action.STAFF_INVITED,
    lambda s: staff.invite(s.company.sue, name="Ida", email="ida@example.com", role="viewer"),
)

simple("staff.make_link", Action.STAFF_LINK_MADE, lambda s: staff.make_link(s.company.sue, s.company.vic.staff_id, WHY))

simple(
    "staff.make_link_for", Action.STAFF_LINK_MADE, lambda s: staff.make_link_for(s.company.sue, "vic@example.com", WHY)
)

simple(
    *("staff.change_role", Action.STAFF_ROLE_CHANGED),
    lambda s: staff.change_role(s.company.sue, s.company.vic.staff_id, "support", "viewer", WHY),
)

simple(
    *("staff.change_teams", Action.STAFF_TEAMS_CHANGED),
    lambda s: staff.change_teams(s.company.sue, s.company.vic.staff_id, [s.company.acme], None, WHY),
)

simple(
    "staff.deactivate", Action.STAFF_DEACTIVATED, lambda s: staff.deactivate(s.company.sue, s.company.vic.staff_id, WHY)
)

simple(
    *("staff.demand_password_change", Action.STAFF_PASSWORD_DEMANDED),
    lambda s: staff.demand_password_change(s.company.sue, s.company.vic.staff_id, WHY),
)

simple(
    *("staff.create", Action.STAFF_CREATED),
    lambda _: staff.create(Command("root"), "ida@example.com", "Ida", Role.VIEWER, OTHER),
    actor_kind="command",
)

simple(
    *("staff.set_password", Action.STAFF_PASSWORD_CHANGED),
    lambda s: staff.set_password(s.company.sue, "vic@example.com", OTHER),
)

simple(
    *("staff_rules.demand_second_factor", Action.ROLE_RULE_CHANGED),
    lambda s: staff_rules.demand_second_factor(s.company.sue, "viewer", True, 0, WHY),
)

simple(
    *("staff_sessions.end_all", Action.SESSION_REVOKED),
    lambda s: staff_sessions.end_all(s.company.sue, s.company.vic.staff_id, WHY),
)

simple(
    *("staff_sessions.end", Action.SESSION_REVOKED),
    lambda s: staff_sessions.end(s.company.sue, s.company.vic.session_id, WHY),
    untold="revoked_at revoke_reason",
)

simple("profile.rename", Action.STAFF_RENAMED, lambda s: profile.rename(s.ann, "Ann Adlerova"))

simple(
    *("profile.change_password", Action.STAFF_PASSWORD_CHANGED),
    lambda s: profile.change_password(s.ann, PASSWORD, OTHER),
)

simple(
    "step_up.prove",
    Action.SESSION_PROVED,
    lambda s: step_up.prove(s.ann, PASSWORD),
    untold="authenticated_at last_seen_at",
)

simple("sessions.sign_out", Action.SESSION_ENDED, lambda s: sessions.sign_out(s.ann), untold="revoked_at revoke_reason")

simple(
    *("sessions.sign_in", Action.SESSION_STARTED),
    lambda s: sessions.sign_in(NOBODY, s.ann.email, PASSWORD, "a browser"),
    untold="*",
)

simple("sessions.measured", Action.SESSION_NOT_PROVED, lambda s: _wrong(s.ann))
simple("passwords.exchanged", Action.SESSION_NOT_PROVED, lambda s: _not_exchanged(s.ann))

simple(
    *("tokens.create", Action.TOKEN_CREATED),
    lambda s: tokens.create(s.ann, name="CI", permissions=[Permission.JOBS_READ], team_ids=None, days=7),
    untold="*",
)


@verb("staff.reactivate", Action.STAFF_REACTIVATED)
async def _back(s: Stage) -> Do:
    await staff.deactivate(s.company.sue, s.company.vic.staff_id, WHY)
    return lambda: staff.reactivate(s.company.sue, s.company.vic.staff_id, WHY)


@verb("staff.remove_second_factor", Action.STAFF_SECOND_FACTOR_REMOVED)
async def _remove_factor(s: Stage) -> Do:
    await s.phone()
    return lambda: staff.remove_second_factor(s.company.sue, s.ann.staff_id, WHY)


@verb("staff.ensure_first_administrator", Action.STAFF_CREATED, actor_kind="command")
async def _first(s: Stage) -> Do:
    await s.admin.execute("TRUNCATE staff CASCADE")
    return lambda: staff.ensure_first_administrator(Command("root"), "ida@example.com", None)


@verb("own_sessions.end", Action.SESSION_REVOKED)
async def _end_own(s: Stage) -> Do:
    other = await s.session(s.ann)
    return lambda: own_sessions.end(s.ann, other)


@verb("own_sessions.end_others", Action.SESSION_REVOKED)
async def _end_others(s: Stage) -> Do:
    await s.session(s.ann)
    return lambda: own_sessions.end_others(s.ann)


@verb("tokens.revoke_own", Action.TOKEN_REVOKED, untold="revoked_at")
async def _revoke_own(s: Stage) -> Do:
    made = await s.token()
    return lambda: tokens.revoke_own(s.ann, made.id)


@verb("tokens.revoke", Action.TOKEN_REVOKED)
async def _revoke(s: Stage) -> Do:
    made = await s.token()
    return lambda: tokens.revoke(s.company.sue, made.id, WHY)


@verb("passwords.choose_due", Action.STAFF_PASSWORD_CHANGED, untold="must_change_password")
async def _due(s: Stage) -> Do:
    await s.admin.execute("UPDATE staff SET must_change_password = true WHERE id = $1", s.ann.staff_id)
    return lambda: passwords.choose_due(s.ann, PASSWORD, OTHER)


@verb("one_time_links.use", Action.STAFF_LINK_USED)
async def _use_link(s: Stage) -> Do:
    token = await s.link()
    return lambda: one_time_links.use(NOBODY, token, OTHER)


_FACTOR = "totp_secret totp_step totp_set_at"


@verb("second_factor.set_up", Action.STAFF_SECOND_FACTOR_SET_UP, untold=_FACTOR)
async def _set_up(s: Stage) -> Do:
    return s.phone


@verb("second_factor.renew_codes", Action.STAFF_RECOVERY_CODES_MADE, untold=_FACTOR)
async def _renew(s: Stage) -> Do:
    phone = await s.phone()
    return lambda: second_factor.renew_codes(s.ann, phone.next())


@verb("second_factor.turn_off", Action.STAFF_SECOND_FACTOR_TURNED_OFF, untold=_FACTOR)
async def _turn_off(s: Stage) -> Do:
    phone = await s.phone()
    return lambda: second_factor.turn_off(s.ann, phone.next())


@verb("second_factor.sign_in", Action.SESSION_STARTED, untold="*")
async def _code(s: Stage) -> Do:
    phone = await s.phone()
    asked = await sessions.sign_in(NOBODY, s.ann.email, PASSWORD, "a browser")
    assert isinstance(asked, sessions.Asked)
    return lambda: second_factor.sign_in(NOBODY, asked.token, phone.next(), "a browser")


@verb("throttle.trying", Action.SESSION_THROTTLED, actor_kind="nobody")
async def _throttled(s: Stage) -> Do:
    async def tries(n: int) -> None:
        for _ in range(n):
            with pytest.raises((WrongPassword, RateLimited)):
                await sessions.sign_in(NOBODY, s.ann.email, "a wrong one", "a browser")

    await tries(3)
    return lambda: tries(3)
