"""What a role demands of whoever has it, beyond the password: so far, a second factor."""

from collections.abc import Sequence

from app.actor import Actor
from app.database import reading, writing
from app.errors import Conflict, Invalid
from app.ids import uuid7
from app.models import Action, RoleRule
from app.permissions import Permission, Role
from app.repositories import staff_rules
from app.repositories.staff_rules import Demand
from app.topics import staff as staff_topic
from app.values import reasons

__all__ = ["Demand", "demand_second_factor", "search"]


async def search(actor: Actor) -> Sequence[Demand]:
    """What each role demands, and of how many people."""
    async with reading(actor, Permission.STAFF_READ) as work:
        return await staff_rules.demands(work)


async def demand_second_factor(actor: Actor, role: str, needed: bool, seen: int, reason: str) -> None:
    """Let everybody with this role need a second factor, or no more. ``seen`` is the version that was on the screen.

    Who lacks one then is led to set it up at their next click, before anything else.

    Raises:
        Conflict: somebody changed it meanwhile.
    """
    why, about = reasons.checked(reason), _role(role)
    async with writing(actor, Permission.STAFF_RULES) as work:
        rule = await staff_rules.lock(work, about)
        if (rule.version if rule else 0) != seen:
            raise Conflict(
                f"Somebody changed meanwhile what the role {about.label} demands. Open the page again to see it."
            )
        if (rule is not None and rule.second_factor) == needed:
            raise Invalid(needed="This is so already.")
        if rule is None:
            rule = RoleRule(id=uuid7(), role=about.value)
            work.add(rule)
        rule.second_factor = needed
        work.record(Action.ROLE_RULE_CHANGED, rule, reason=why)
        work.notify(staff_topic)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise Invalid(role="Choose a role.") from None
