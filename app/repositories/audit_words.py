"""The words of the audit log: which entries hold those that somebody looks for, and reading the words of new ones.

Words are read behind the seals, by a worker, so that no business transaction pays for them. Entries that are younger
are looked through as they are. Whoever sees personal data masked finds nothing by them.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from app.database import Work
from app.errors import Invalid
from app.models import AuditEntry, AuditWords
from app.paging import COUNT_CAP, PageRequest
from app.repositories.keyset import Query

LONGEST = 200
"""Characters of a search."""
_WHOLE = ("id", "ip", "request")
"""What is looked for as it is; each such word stands behind its name."""
Sought = ColumnElement[str]


def sought(request: PageRequest) -> Sought | None:
    """What is looked for: all words, of the last one also its beginning; ids and references as they are; and the
    filters by address and request, which are such words, too. None: nothing.
    """
    if len(request.search) > LONGEST:
        raise Invalid("This search is too long. Take fewer words.")
    parts = [_literal(f"{name}={value}") for name in ("ip", "request") if (value := request.one(name))]
    if words := request.search.split():
        parts.append(_words(words))
    return _joined("&&", parts) if parts else None


def holding(wanted: Sought, *, whole: bool, limited: bool) -> CompoundSelect[Any]:
    """The numbers of all entries with these words. ``whole``: personal ones count, too; ``limited`` is the way for
    people who see only some teams, who may use the index of words only through a function.
    """
    young = select(func.audit_words_young(wanted, whole).column_valued("id"))
    return union_all(_read(wanted, whole=whole, limited=limited), young)


async def found(
    work: Work, wanted: Sought, others: Query | None, *, down: bool, beyond: int | None = None
) -> list[int]:
    """The numbers of entries with these words, newest first when ``down``, ``beyond`` a number; at most one more than
    a count goes to. ``others`` are further conditions, as a question of entries.
    """
    whole, limited = work.veil is None, work.who.team_ids is not None
    number = _read(wanted, whole=whole, limited=limited).subquery().c[0]
    query = select(number)
    if others is not None:
        query = query.where(number.in_(others.with_only_columns(AuditEntry.id)))
    if beyond is not None:
        query = query.where(number < beyond if down else number > beyond)
    order = number.desc() if down else number.asc()
    ids = set((await work.execute(query.order_by(order).limit(COUNT_CAP + 1))).scalars())
    ids |= {id_ for id_ in await _young(work, wanted, others, whole=whole) if beyond is None or (id_ < beyond) == down}
    return sorted(ids, reverse=down)[: COUNT_CAP + 1]


async def _young(work: Work, wanted: Sought, others: Query | None, *, whole: bool) -> list[int]:
    """The same among entries whose words nobody has read so far; there are few."""
    ids = list((await work.execute(select(func.audit_words_young(wanted, whole).column_valued("id")))).scalars())
    if others is None or not ids:
        return ids
    chosen = others.with_only_columns(AuditEntry.id).where(AuditEntry.id == any_(literal(ids, ARRAY(BigInteger))))
    return list((await work.execute(chosen)).scalars())


async def read_on(work: Work) -> int:
    """Read the words of the next sealed entries; returns how many. Of several at a time one does it."""
    return int(await work.scalar(select(func.audit_words_read())))


def _read(wanted: Sought, *, whole: bool, limited: bool) -> Select[Any]:
    """Entries whose words were read."""
    if limited:
        return select(cast(func.audit_words_mine(wanted, whole).column_valued("id"), BigInteger).label("id"))
    holds = AuditWords.words.bool_op("@@")(wanted)
    return select(AuditWords.entry_id).where(or_(holds, AuditWords.personal.bool_op("@@")(wanted)) if whole else holds)


def _words(words: list[str]) -> Sought:
    last = func.to_tsquery("simple", f"{_quoted(words[-1])}:*", type_=TSQUERY())
    if len(words) > 1:
        return _joined("&&", [func.plainto_tsquery("simple", " ".join(words[:-1]), type_=TSQUERY()), last])
    return _joined("||", [last, *(_literal(f"{name}={_plain(words[0])}") for name in _WHOLE)])


def _joined(operator: str, parts: list[Sought]) -> Sought:
    first, *others = parts
    for part in others:
        first = first.op(operator, return_type=TSQUERY())(part)
    return first


def _plain(word: str) -> str:
    """An id as the log writes it, however it was copied."""
    try:
        return str(UUID(word))
    except ValueError:
        return word


def _literal(lexeme: str) -> Sought:
    return cast(_quoted(lexeme), TSQUERY())


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
