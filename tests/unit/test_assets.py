"""What is kept of scripts and styles for everybody."""

import gzip

from starlette.types import Message, Receive, Scope, Send

from app.web.assets import Assets

SCRIPT = b"export default 1;"


async def whole_unless_left(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that stops in the middle when whoever asks hangs up, as middlewares of Starlette do."""
    assert (await receive())["type"] == "http.request"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/javascript")]})
    await send({"type": "http.response.body", "body": SCRIPT})


async def test_a_browser_that_leaves_at_once_does_not_leave_a_broken_file_behind() -> None:
    sent: list[Message] = []

    async def left() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/static/a.js", "query_string": b"", "headers": []}
    await Assets(whole_unless_left, "/static/", https=False)(scope, left, send)
    assert sent[1]["body"] == SCRIPT
    sent.clear()
    again = {**scope, "headers": [(b"accept-encoding", b"gzip")]}
    await Assets(whole_unless_left, "/static/", https=False)(again, left, send)
    assert gzip.decompress(sent[1]["body"]) == SCRIPT
