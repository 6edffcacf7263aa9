"""What of a job may be shown: never the secrets that it was given.

A task declares the keys of its input that hold secrets (``Task.secrets``); some keys hold them in any input. Their
values stay with the job, for its worker alone. Whoever reads gets dots in their place, at any depth, from the door
(``app.database.masking``); what a run tells (its result, its errors, its log lines) is cleaned of them where it is
written.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from app.privacy.personal import DOTS, Masked

ALWAYS = frozenset(
    {
        *("password", "passphrase", "secret", "token", "apikey", "authorization", "credential", "credentials"),
        *("accesstoken", "refreshtoken", "clientsecret", "secretkey", "privatekey", "accesskey", "bearer"),
    }
)
"""Keys whose values no screen shows, whatever the task says; also of kinds that this version does not know."""
SHORTEST = 4
"""Characters from which on a secret is looked for in texts; shorter ones are everywhere."""

_declared: dict[str, frozenset[str]] = {}
_run: ContextVar[re.Pattern[str] | None] = ContextVar("secrets_of_run", default=None)


def declare(kind: str, keys: Collection[str]) -> None:
    """A kind of job keeps secrets under these keys of its input. Declaring a task does it."""
    _declared[kind] = frozenset(_bare(key) for key in keys)


def hidden(value: Any, kind: str | None = None) -> Any:  # noqa: ANN401 - JSON
    """The same JSON with dots in place of secrets. Without a ``kind``, the keys of every kind count."""
    keys = _keys(kind)
    return _hidden(value, keys)


def secrets_in(value: Any, kind: str | None = None) -> frozenset[str]:  # noqa: ANN401 - JSON
    """The secret texts within an input, those that are long enough to be told from ordinary words."""
    return frozenset(text for text in _secrets(value, _keys(kind), inside=False) if len(text) >= SHORTEST)


@contextmanager
def hiding(value: Any, kind: str) -> Iterator[None]:  # noqa: ANN401 - JSON
    """Within, :func:`redacted` knows the secrets of this input: for a run, and whatever it logs."""
    token = _run.set(_pattern(secrets_in(value, kind)))
    try:
        yield
    finally:
        _run.reset(token)


def redacted(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with dots wherever a text holds a secret of the run that is going on."""
    pattern = _run.get()
    return value if pattern is None else _cleaned(value, pattern)


def cleaned(value: Any, secrets: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    """The same with dots wherever a text holds one of ``secrets``."""
    pattern = _pattern(secrets)
    return value if pattern is None else _cleaned(value, pattern)


def _keys(kind: str | None) -> frozenset[str]:
    declared = _declared.values() if kind is None else [_declared.get(kind, frozenset())]
    return ALWAYS.union(*declared)


def _bare(key: str) -> str:
    """``API-Key`` and ``api_key`` are one key."""
    return key.replace("_", "").replace("-", "").replace(" ", "").lower()


def _hidden(value: Any, keys: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    match value:
        case Mapping():
            return {
                key: _covered(item) if _bare(str(key)) in keys else _hidden(item, keys) for key, item in value.items()
            }
        case list() | tuple():
            return [_hidden(item, keys) for item in value]
        case _:
            return value


def _covered(value: Any) -> Any:  # noqa: ANN401 - JSON
    """That there is something is no secret; what, how much and of which kind is."""
    return value if value in (None, "") else Masked(DOTS)


def _secrets(value: Any, keys: frozenset[str], *, inside: bool) -> Iterator[str]:  # noqa: ANN401 - JSON
    match value:
        case Mapping():
            for key, item in value.items():
                yield from _secrets(item, keys, inside=inside or _bare(str(key)) in keys)
        case list() | tuple():
            for item in value:
                yield from _secrets(item, keys, inside=inside)
        case bool() | None:
            return
        case _ if inside:
            yield str(value)


def _pattern(secrets: Collection[str]) -> re.Pattern[str] | None:
    longest_first = sorted(secrets, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _cleaned(value: Any, pattern: re.Pattern[str]) -> Any:  # noqa: ANN401 - JSON
    match value:
        case str():
            told = pattern.sub(DOTS, value)
            return value if told == value else Masked(told)
        case Mapping():
            return {_cleaned(key, pattern): _cleaned(item, pattern) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item, pattern) for item in value]
        case _:
            return value
