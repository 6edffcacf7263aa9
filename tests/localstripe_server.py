"""A stateful Stripe for tests, as a process of its own on this machine: ``python -m tests.localstripe_server PORT``.

Its own command would listen on every interface and keep its state in a shared file.
"""

import sys
from typing import Any

from aiohttp import web
from localstripe import resources, server

from tests.stripe_shop import REFUSALS


@web.middleware
async def _refusing(request: web.Request, handler: Any) -> web.StreamResponse:
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if key in REFUSALS:
        status, kind = REFUSALS[key]
        error = {"type": kind, "message": f"Invalid API Key provided: {key}"}
        return web.json_response({"error": error}, status=status, headers={"Stripe-Should-Retry": "false"})
    answer: web.StreamResponse = await handler(request)
    return answer


def main(port: int) -> None:
    """Serve on loopback until it is ended. Nothing is written to disk."""
    resources.Store.dump_to_disk = lambda _store: None
    server.app.middlewares.insert(0, _refusing)
    web.run_app(server.app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
