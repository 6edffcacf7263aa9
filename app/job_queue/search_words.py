"""The words of a job's input, by which staff find it. Secrets are not among them."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Text, cast, func
from sqlalchemy.dialects.postgresql import ARRAY

from app.models.bulk import LONGEST_WORD, JobWords
from app.models.job import Job
from app.privacy import job_secrets
from app.privacy.personal import DOTS

MOST = 200
"""Different words that are kept of one input."""
_TOKENS = re.compile(r"[^\W_]+")


def words_of(job: Job) -> JobWords | None:
    """What the search of jobs will know of this one; None where its input says nothing."""
    words: dict[str, None] = {}
    for text in _texts(job_secrets.hidden(job.input, job.kind)):
        words.update(dict.fromkeys(token[:LONGEST_WORD] for token in _TOKENS.findall(text.lower())))
        if len(words) >= MOST:
            break
    if not words:
        return None
    kept = sorted(list(words)[:MOST])
    return JobWords(job_id=job.id, team_id=job.team_id, words=func.array_to_tsvector(cast(kept, ARRAY(Text))))


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    match value:
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case bool() | None:
            return
        case _ if value != DOTS:
            yield str(value)
