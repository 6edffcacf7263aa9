"""Finding jobs by words: ids, kinds, teams, people, what was asked for and what went wrong. Each way has an index."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, Uuid, any_, cast, false, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import TSQUERY

from app.database import Work
from app.models import Job, JobCount, JobWords, StaffMember, Team, User
from app.models.bulk import LONGEST_WORD
from app.paging import PageRequest
from app.repositories.filters import like
from app.values import emails

MOST = 1_000
"""Teams, or people, whose names carry the words of a search; further ones are not looked at."""
MOST_JOBS = 10_000
"""Jobs whose input carries them, the newest."""
_SHORT = re.compile(r"[0-9a-f]{8}", re.IGNORECASE)
_TOKENS = re.compile(r"[^\W_]+")


def matching(request: PageRequest, *, limited: bool) -> ColumnElement[bool]:
    """Jobs that the words of a search are about, as one expression: for a file, which asks nothing before.

    An ``exact`` request looks through no personal data, nor what may name somebody. ``limited``: whoever asks sees some
    teams, and indexes of words are out of their reach; functions of the database ask them instead.
    """
    words, exact = request.search.strip(), request.exact
    if (one := _by_id(words, limited=limited)) is not None:
        return one
    pattern = like(words)
    ways = [
        Job.kind == any_(_array(select(JobCount.kind).where(JobCount.kind.ilike(pattern)).distinct(), Job.kind.type)),
        Job.team_id == any_(_array(select(Team.id).where(Team.name.ilike(pattern)).limit(MOST))),
    ]
    return or_(*ways, *([] if exact else [*_people(words, limited=limited), *_texts(words, limited=limited)]))


async def found(work: Work, request: PageRequest) -> ColumnElement[bool]:
    """The same for a list: what is few (kinds, teams, people) is looked up first, so that the plan knows how few."""
    words, limited = request.search.strip(), work.who.team_ids is not None
    if (one := _by_id(words, limited=limited)) is not None:
        return one
    pattern = like(words)
    kinds = await _all(work, select(JobCount.kind).where(JobCount.kind.ilike(pattern)).distinct())
    teams = await _all(work, select(Team.id).where(Team.name.ilike(pattern)).limit(MOST))
    ways: list[ColumnElement[bool]] = [Job.kind.in_(kinds)] if kinds else []
    ways += [Job.team_id.in_(teams)] if teams else []
    if not request.exact:
        users = await _all(work, _users(words, limited=limited))
        staff = [] if limited else await _all(work, _staff(words))
        ways += [Job.user_id.in_(users)] if users else []
        ways += [Job.created_by.in_(staff)] if staff else []
        ways += _texts(words, limited=limited)
    return or_(false(), *ways)


async def _all(work: Work, question: Select[Any]) -> list[Any]:
    return list((await work.execute(question)).scalars())


def _by_id(words: str, *, limited: bool) -> ColumnElement[bool] | None:
    """The job with this id, or with this end of it, as screens shorten it; None where the words are no id."""
    try:
        return Job.id == UUID(words)
    except ValueError:
        pass
    if not _SHORT.fullmatch(words):
        return None
    tail = words.lower()
    if limited:
        return Job.id == any_(_array(select(func.jobs_ending(tail))))
    return func.right(cast(Job.id, Text()), literal_column("8")) == tail  # as the index says it


def _people(words: str, *, limited: bool) -> list[ColumnElement[bool]]:
    ways = [Job.user_id == any_(_array(_users(words, limited=limited)))]
    return ways if limited else [*ways, Job.created_by == any_(_array(_staff(words)))]


def _users(words: str, *, limited: bool) -> Select[Any]:
    """Customers' users, by the whole address or a part of the name."""
    if limited:
        return select(func.users_at(words) if emails.is_address(words) else func.users_like(like(words))).limit(MOST)
    if emails.is_address(words):
        return select(User.id).where(func.lower(User.email) == words.lower())
    return select(User.id).where(User.name.ilike(like(words))).limit(MOST)


def _staff(words: str) -> Select[Any]:
    known = or_(StaffMember.name.ilike(like(words)), func.lower(StaffMember.email) == words.lower())
    return select(StaffMember.id).where(known).limit(MOST)


def _texts(words: str, *, limited: bool) -> list[ColumnElement[bool]]:
    """In errors anywhere; in inputs where words begin."""
    pattern = like(words)
    ways: list[ColumnElement[bool]]
    ways = [Job.id == any_(_array(select(func.jobs_like(pattern))))] if limited else [Job.error.ilike(pattern)]
    if asked := _asked(words):
        if limited:
            known = select(func.jobs_with(asked))
        else:
            carrying = select(JobWords.job_id).where(JobWords.words.op("@@")(cast(asked, TSQUERY)))
            known = carrying.order_by(JobWords.job_id.desc()).limit(MOST_JOBS)
        ways.append(Job.id == any_(_array(known)))
    return ways


def _asked(words: str) -> str:
    """What the index of words is asked: each of them, cut as they are kept, as a beginning; single letters only as they
    are.
    """
    tokens = list(dict.fromkeys(token[:LONGEST_WORD] for token in _TOKENS.findall(words.lower())))
    return " & ".join(f"'{token}'{':*' if len(token) > 1 else ''}" for token in tokens)


def _array(ids: Select[Any], kind: Any = None) -> Any:  # noqa: ANN401 - a type, an expression
    """An array, not a join: so that each way of several keeps its index."""
    return func.array(ids.scalar_subquery(), type_=ARRAY(kind if kind is not None else Uuid()))


__all__ = ["MOST", "MOST_JOBS", "found", "matching"]
