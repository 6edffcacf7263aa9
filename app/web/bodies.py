"""Bodies of requests: their bytes counted whatever was declared, and nobody waited for who sends nothing."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from app.errors import AppError

MOST = 64 * 1024
"""Bytes of an ordinary request's body. Uploads stream, and count for themselves."""

SECONDS = 30.0
"""How long an ordinary body may take, and how long a body that streams may pause."""


class TooLarge(AppError):
    """A body of more bytes than this route takes."""

    code = "VALIDATION_ERROR"
    status = 413


class TooSlow(AppError):
    """A body that does not come."""

    code = "TIMEOUT"
    status = 408


async def whole(headers: Headers, receive: Receive) -> Receive:
    """Read an ordinary body; returns a ``receive`` that gives it again.

    Raises:
        TooLarge: it has more than :data:`MOST` bytes.
        TooSlow: it was not there within :data:`SECONDS`.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MOST:
        raise TooLarge(f"This request is larger than {MOST:,} bytes.")
    try:
        async with asyncio.timeout(SECONDS):
            body = await _read(receive)
    except TimeoutError:
        raise _too_slow() from None
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST:
            raise TooLarge(f"This request is larger than {MOST:,} bytes.")
    return bytes(body)


def streamed(receive: Receive) -> Receive:
    """A ``receive`` for a body of any size, which raises :class:`TooSlow` when nothing comes for :data:`SECONDS`."""
    ended = False

    async def next_part() -> Message:
        nonlocal ended
        if ended:  # what follows is only whether the browser hangs up
            return await receive()
        try:
            async with asyncio.timeout(SECONDS):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        ended = not message.get("more_body", False)
        return message

    return next_part


def _too_slow() -> TooSlow:
    return TooSlow(f"The rest of this request did not come within {SECONDS:g} seconds. Try again.")
