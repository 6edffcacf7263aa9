"""The plain pages on which passwords and codes are typed: in the look of the sign-in, no live wire, no scripts."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from string import Template
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse

from app.config import Settings
from app.crypto.passwords import MAX_LENGTH, MIN_LENGTH
from app.errors import AppError, Invalid
from app.web.errors import retry_after

_PAGE = Template((Path(__file__).parent / "templates" / "password.html").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Secret:
    """An input for a password, or (not ``hidden``) for a code. ``fills`` tells password managers what it is, ``keys``
    phones which keys to show.
    """

    name: str
    label: str
    fills: str = "new-password"
    hint: str = ""
    hidden: bool = True
    keys: str = ""


PRESENT = Secret("present", "Present password", "current-password")
CHOSEN = Secret("password", "New password", hint=f"At least {MIN_LENGTH} characters.")
REPEATED = Secret("again", "Repeat the new password")
CODE = Secret("code", "Six-digit code", "one-time-code", hidden=False, keys="numeric")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, by a ``data:`` address, and what it shows."""

    address: str
    shows: str


@dataclass(frozen=True, slots=True)
class Download:
    """A link that saves a small file, whose text stands in the link itself."""

    label: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class PlainPage:
    """A page with at most one form. ``hidden`` are values that the form carries on, ``back`` the words of a way out,
    ``lines`` texts to copy by hand.
    """

    title: str
    sentence: str
    action: str
    submit: str
    method: str = "post"
    hidden: Mapping[str, str] | None = None
    secrets: Sequence[Secret] = ()
    username: str = ""
    back: tuple[str, str] | None = None
    picture: Picture | None = None
    lines: Sequence[str] = ()
    download: Download | None = None


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
        shown=_shown(page),
        fields="\n    ".join(fields),
        submit=_safe(page.submit),
        back=f'<a class="btn" href="{_safe(page.back[1])}">{_safe(page.back[0])}</a>' if page.back else "",
    )
    return HTMLResponse(body, error.status if error else HTTPStatus.OK, retry_after(error))


def check_repeated(password: str, again: str) -> None:
    """Refuse (:class:`Invalid`, field ``again``) a new password that was typed in two ways."""
    if password != again:
        raise Invalid(again="The two passwords differ. Type the new one twice.")


def _shown(page: PlainPage) -> str:
    parts = []
    if page.picture:
        parts.append(f'<img class="picture" src="{_safe(page.picture.address)}" alt="{_safe(page.picture.shows)}">')
    if page.lines:
        parts.append(f'<ul class="lines">{"".join(f"<li><code>{_safe(line)}</code></li>" for line in page.lines)}</ul>')
    if file := page.download:
        address = f"data:text/plain;charset=utf-8,{quote(file.text)}"
        parts.append(f'<a class="btn" download="{_safe(file.name)}" href="{address}">{_safe(file.label)}</a>')
    return "\n    ".join(parts)


def _input(secret: Secret, *, wrong: bool, first: bool) -> str:
    extras = ['aria-invalid="true"'] if wrong else []
    extras += ["autofocus"] if first else []
    extras += [f'inputmode="{secret.keys}"'] if secret.keys else []
    extras += [] if secret.hidden else ['autocapitalize="none"', 'spellcheck="false"']
    extras += [f'minlength="{MIN_LENGTH}"'] if secret.name == CHOSEN.name else []
    extras += [f'aria-describedby="{secret.name}-hint"'] if secret.hint else []
    hint = f'<p class="hint" id="{secret.name}-hint">{_safe(secret.hint)}</p>' if secret.hint else ""
    sort = "password" if secret.hidden else "text"
    return (
        f'<label for="{secret.name}">{_safe(secret.label)}</label><input id="{secret.name}" name="{secret.name}"'
        f' type="{sort}" autocomplete="{secret.fills}" maxlength="{MAX_LENGTH}" required {" ".join(extras)}>{hint}'
    )


def _safe(text: str) -> str:
    return html.escape(text)
