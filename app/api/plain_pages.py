"""The plain pages on which passwords are chosen: in the look of the sign-in, without a live wire, without scripts."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from app.config import Settings
from app.crypto.passwords import MAX_LENGTH, MIN_LENGTH
from app.errors import AppError, Invalid

_PAGE = Template((Path(__file__).parents[2] / "components" / "password.html").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Secret:
    """An input for a password. ``fills`` tells password managers what it is."""

    name: str
    label: str
    fills: str = "new-password"
    hint: str = ""


PRESENT = Secret("present", "Present password", "current-password")
CHOSEN = Secret("password", "New password", hint=f"At least {MIN_LENGTH} characters.")
REPEATED = Secret("again", "Repeat the new password")


@dataclass(frozen=True, slots=True)
class PlainPage:
    """A page with at most one form. ``hidden`` are values that the form carries on, ``back`` the words of a way out."""

    title: str
    sentence: str
    action: str
    submit: str
    method: str = "post"
    hidden: Mapping[str, str] | None = None
    secrets: Sequence[Secret] = ()
    username: str = ""
    back: tuple[str, str] | None = None


def draw(settings: Settings, page: PlainPage, error: AppError | None = None) -> HTMLResponse:
    """The page; with an error, its sentence and its status."""
    wrong = error.fields.keys() if isinstance(error, Invalid) else set()
    insecure = settings.insecure_http and urlsplit(settings.browser_origin).scheme == "http"
    fields = [f'<input type="hidden" name="{_safe(n)}" value="{_safe(v)}">' for n, v in (page.hidden or {}).items()]
    if page.username:
        fields.append(
            f'<input type="text" class="unseen" tabindex="-1" aria-hidden="true" readonly autocomplete="username"'
            f' value="{_safe(page.username)}">'
        )
    fields += [_input(one, wrong=one.name in wrong, first=not place) for place, one in enumerate(page.secrets)]
    body = _PAGE.substitute(
        title=_safe(page.title),
        environment=_safe(settings.environment),
        color=_safe(settings.environment_color),
        insecure="" if insecure else "hidden",
        method=page.method,
        action=_safe(page.action),
        sentence=f'<p class="said">{_safe(page.sentence)}</p>' if page.sentence else "",
        error=f'<p class="wrong" role="alert">{_safe(error.message)}</p>' if error else "",
        fields="\n    ".join(fields),
        submit=_safe(page.submit),
        back=f'<a class="btn" href="{_safe(page.back[1])}">{_safe(page.back[0])}</a>' if page.back else "",
    )
    return HTMLResponse(body, error.status if error else HTTPStatus.OK)


def check_repeated(password: str, again: str) -> None:
    """Refuse (:class:`Invalid`, field ``again``) a new password that was typed in two ways."""
    if password != again:
        raise Invalid(again="The two passwords differ. Type the new one twice.")


def _input(secret: Secret, *, wrong: bool, first: bool) -> str:
    extras = ['aria-invalid="true"'] if wrong else []
    extras += ["autofocus"] if first else []
    extras += [f'minlength="{MIN_LENGTH}"'] if secret.name == CHOSEN.name else []
    extras += [f'aria-describedby="{secret.name}-hint"'] if secret.hint else []
    hint = f'<p class="hint" id="{secret.name}-hint">{_safe(secret.hint)}</p>' if secret.hint else ""
    return (
        f'<label for="{secret.name}">{_safe(secret.label)}</label><input id="{secret.name}" name="{secret.name}"'
        f' type="password" autocomplete="{secret.fills}" maxlength="{MAX_LENGTH}" required {" ".join(extras)}>{hint}'
    )


def _safe(text: str) -> str:
    return html.escape(text)
