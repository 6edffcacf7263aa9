"""The nonce: on the scripts of our templates, never on one that came in with contents."""

import re

from jinja2 import DictLoader, Environment
from starlette.types import Message, Scope

from app.web.headers import Answer, mark_scripts

PAGE = "<title>{{ title }}</title><script>own()</script>{{ contents | safe }}<script type='module'>own()</script>"
ATTACK = "<script>alert(1)</script><script nonce=''>alert(2)</script><SCRIPT>alert(3)</SCRIPT>"


async def answered(body: str) -> tuple[str, str]:
    """The nonce and the body that a browser gets."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "headers": []}
    answer = Answer(send, scope, https=False)
    headers = [(b"content-type", b"text/html; charset=utf-8")]
    await answer({"type": "http.response.start", "status": 200, "headers": headers})
    await answer({"type": "http.response.body", "body": body.encode()})
    policy = dict(sent[0]["headers"])[b"content-security-policy"].decode()
    found = re.search(r"'nonce-([\w-]+)'", policy)
    assert found
    return found[1], sent[1]["body"].decode()


def rendered(contents: str) -> str:
    environment = Environment(loader=DictLoader({"page": PAGE}), autoescape=True)
    mark_scripts(environment)
    mark_scripts(environment)
    return environment.get_template("page").render(title=contents, contents=contents)


async def test_scripts_of_templates_carry_the_nonce_and_injected_ones_do_not() -> None:
    nonce, page = await answered(rendered(ATTACK))
    stamp = f'nonce="{nonce}"'
    assert page.count(stamp) == 2
    assert page.count(f"<script {stamp}>own()") == page.count(f"<script {stamp} type='module'>own()") == 1
    assert ATTACK in page


async def test_the_mark_itself_never_leaves_and_is_another_one_in_every_answer() -> None:
    marked = rendered("")
    mark = re.search(r'nonce="([\w-]+)"', marked)
    assert mark
    (first, page), (second, _) = await answered(marked), await answered(marked)
    assert mark[1] not in page
    assert len({mark[1], first, second}) == 3


async def test_our_own_files_carry_it_too() -> None:
    nonce, page = await answered('<script src="/static/theme.js?v=1"></script><script src="/other.js"></script>')
    assert page == f'<script nonce="{nonce}" src="/static/theme.js?v=1"></script><script src="/other.js"></script>'
