"""The question who somebody is, asked over whatever they are doing: it waits, and goes on when they have proved it.

The password goes by a form of its own to ``/auth/step-up``; over the live wire comes only that something was proved,
which nobody believes: the door asks the database.
"""

import asyncio

from nicegui import Client

from app.errors import Locked, NotProved, StepUpRequired
from components.page import frame
from components.page.element import JsonElement


class _Question(JsonElement, component="step_up.js"):
    """A dialog with one input. Its answer tells whether it was proved."""

    def __init__(self, *, locked: bool, username: str) -> None:
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        super().__init__({"locked": locked, "username": username, "action": "/auth/step-up"})
        self.on("proved", lambda _: self._resolve(proved=True))
        self.on("close", lambda _: self._resolve(proved=False))

    def _resolve(self, *, proved: bool) -> None:
        if not self.answer.done():
            self.answer.set_result(proved)
            self.delete()

    def _handle_delete(self) -> None:
        if not self.answer.done():
            self.answer.set_result(False)
        super()._handle_delete()


async def ask(client: Client, refusal: StepUpRequired) -> bool:
    """Ask the person on this page. However much waits for the answer, they are asked once. False: the page cannot ask.

    Raises:
        NotProved: they closed the question.
    """
    here = frame.of(client)
    if here is None or not client.has_socket_connection:
        return False
    question = here.question
    if not isinstance(question, _Question) or question.is_deleted:
        with client.content:
            question = here.question = _Question(locked=isinstance(refusal, Locked), username=here.actor.email)
    here.dialogs += 1
    try:
        proved = await asyncio.shield(question.answer)
    finally:
        here.dialogs -= 1
    if not proved:
        raise NotProved
    return True
