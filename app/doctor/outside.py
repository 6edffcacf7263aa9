"""What is asked over a network: our own web process, and Stripe."""

import re
from http import HTTPStatus

from app.config import Settings
from app.doctor.findings import Finding, ok, problem, warning
from app.supervisor.outage import health

WEB, STRIPE = "Web", "Stripe"
_KEY = re.compile(r"[sr]k_(test|live)_\w{10,}", re.ASCII)
_SECONDS = 4.0


def web(settings: Settings) -> Finding:
    """Whether pages are served at the address of these settings."""
    status, reason = health(settings)
    place = f"{settings.host}:{settings.port}"
    if status == HTTPStatus.OK:
        return ok(WEB, f"Pages are served at {settings.browser_origin}/.")
    if status == HTTPStatus.SERVICE_UNAVAILABLE and reason:
        return problem(
            WEB, f"The web process at {place} cannot work: {reason}", "Mend what is told here, or restart it."
        )
    if status:
        return warning(WEB, f"Something else answers at {place}.", "Stop it, or choose another QUARTERDECK_PORT.")
    return warning(WEB, f"No pages are served at {place}.", "Start `quarterdeck up` or `quarterdeck serve`.")


async def stripe(settings: Settings) -> Finding:
    """The key: its form, and whether Stripe takes it."""
    key = settings.stripe_key.get_secret_value().strip() if settings.stripe_key else ""
    if not key:
        return ok(STRIPE, "No key is set, so Stripe is not asked.")
    if key.startswith("pk_"):
        return problem(STRIPE, "The key is a publishable one, which reads nothing.", _ANOTHER)
    form = _KEY.fullmatch(key)
    if form is None:
        return problem(
            STRIPE, "The key does not look like one of Stripe's (sk_live_…, rk_live_…, sk_test_…).", _ANOTHER
        )
    from app.integrations.stripe import Connection, Problem, Trouble

    asked = Connection(key, settings.stripe_api_base, patience=_SECONDS)
    try:
        await asked.check()
    except Trouble as trouble:
        told = warning if trouble.problem is Problem.UNREACHABLE else problem
        return told(STRIPE, trouble.sentence, _ANOTHER if told is problem else "Look at the network, then try again.")
    finally:
        await asked.close()
    return ok(STRIPE, f"Stripe takes the key ({form[1]} mode).")


_ANOTHER = "Set QUARTERDECK_STRIPE_KEY to a restricted key that may read payments."
