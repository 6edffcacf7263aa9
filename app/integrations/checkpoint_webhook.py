"""Whoever takes the audit log's checkpoints: an address of one's own that gets each as JSON."""

import httpx

from app.errors import Unavailable

_PATIENCE = 10.0


async def send(address: str, checkpoint: str) -> None:
    """POST a checkpoint.

    Raises:
        Unavailable: it was not taken.
    """
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE, follow_redirects=False) as client:
            answer = await client.post(address, content=checkpoint, headers={"Content-Type": "application/json"})
    except httpx.HTTPError as problem:
        raise Unavailable(f"The address for checkpoints does not answer ({type(problem).__name__}).") from problem
    if not answer.is_success:
        raise Unavailable(f"The address for checkpoints answered {answer.status_code}.")
