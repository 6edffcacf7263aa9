"""The grammar of a page's live wire: what a browser may send at all, checked before any library reads it.

A frame is Engine.IO's (one digit), inside it Socket.IO's (a second digit), inside it ``[name, values]``. Our pages use
very little of it; everything else (binary frames, other namespaces, unknown names, missing or wrongly typed values)
ends the connection without reaching code that would stumble over it.
"""

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.types import Message, Receive

Id = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[int, Field(ge=0, le=2**53)]

LONGEST = 1_000_000
"""Characters of one frame; NiceGUI's page keeps below it, too."""

log = logging.getLogger(__name__)


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)

    client_id: Id


class Event(_Shape):
    """Something happened to an element; each of ``args`` is JSON again."""

    id: Number
    listener_id: Id
    args: list[str | None] = Field(default_factory=list, max_length=100)


class JavascriptResponse(_Shape):
    """The result of JavaScript that we asked the page to run."""

    request_id: Id


class Ack(_Shape):
    """Which message the page has seen."""

    next_message_id: Number


class Log(_Shape):
    """A line of the page's console."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")]
    message: str


class Handshake(_Shape):
    """A socket says which page it belongs to. In a connection's query string all values are strings."""

    tab_id: Id
    document_id: Id
    old_tab_id: str | None = None
    next_message_id: Annotated[str, Field(pattern="^[0-9]{1,16}$")] | Number | None = None


SHAPES: Mapping[str, type[_Shape]] = {
    "event": Event,
    "javascript_response": JavascriptResponse,
    "ack": Ack,
    "log": Log,
    "handshake": Handshake,
}
"""The messages that a page may send, by name."""

_PONG, _CLOSE, _DISCONNECT = "3", "1", "41"
_CONNECT = re.compile(r"40(\{.*\})?", re.DOTALL)
_MESSAGE = re.compile(r"42[0-9]{0,9}(\[.*\])", re.DOTALL)
_NAMED = TypeAdapter(tuple[Annotated[str, Field(max_length=40)], dict[str, Any]])


def fits(name: str, values: object) -> bool:
    """Whether ``values`` have the shape of the message ``name``."""
    shape = SHAPES.get(name)
    if shape is None:
        return False
    try:
        message = shape.model_validate(values)
        for argument in message.args if isinstance(message, Event) else ():
            if argument is not None:
                orjson.loads(argument)
    except (ValidationError, ValueError):
        return False
    return True


def well_formed(frame: str | None) -> bool:
    """Whether a page of ours could have sent this frame. ``None`` stands for a binary one."""
    if frame is None:
        return False
    if frame in {_PONG, _CLOSE, _DISCONNECT}:
        return True
    try:
        if found := _CONNECT.fullmatch(frame):
            return found[1] is None or isinstance(orjson.loads(found[1]), dict)
        if found := _MESSAGE.fullmatch(frame):
            return fits(*_NAMED.validate_python(orjson.loads(found[1])))
    except (ValidationError, ValueError):
        pass
    return False


def checked(receive: Receive) -> Receive:
    """A websocket's ``receive`` that hangs up at the first frame that is malformed or too long."""
    joined = False

    async def receive_checked() -> Message:
        nonlocal joined
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        frame: str | None = message.get("text")
        again = joined and frame is not None and frame.startswith("40")
        if frame is None or len(frame) > LONGEST or again or not well_formed(frame):
            log.info("Hung up on a malformed message of %s characters", "binary" if frame is None else len(frame))
            return {"type": "websocket.disconnect", "code": 1008}
        joined = joined or frame.startswith("40")
        return message

    return receive_checked
