"""What people may not see, and what contents may not do, in the pages that the real product serves."""

import asyncio
import re
from urllib.parse import quote

from app.actor import Staff
from tests.factories import add_job, make_dataset
from tests.product import Product

ATTACK = "<script>alert(1)</script>"
SHOWN = "&lt;script&gt;alert(1)"
ERROR = "Row 7 is odd.\n\nTraceback (most recent call last):\n  File inner_secret.py"


async def served(product: Product, person: Staff, path: str) -> str:
    """The HTML of a page; every script with a nonce has the one of the policy."""
    session = await product.session(person)
    async with session.http(accept="text/html") as client:
        answer = await client.get(path)
    nonce = re.search(r"'nonce-([\w-]{20,})'", answer.headers["content-security-policy"])
    assert nonce
    assert set(re.findall(r"<script[^>]*nonce=\"([^\"]*)\"", answer.text)) == {nonce[1]}
    return answer.text


async def drawn(product: Product, person: Staff, path: str, words: str) -> str:
    """The same of a page whose screen was ready in time, which on a busy machine takes a few tries."""
    async with asyncio.timeout(60):  # the bound of a hang, not a measure
        while words not in (page := await served(product, person, path)):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.2)
        return page


async def test_a_script_in_contents_is_never_one_of_the_page(product: Product) -> None:
    ann = product.company.ann
    async with product.behind() as admin:
        made = await make_dataset(admin, product.company.acme, ATTACK, {"name": {"type": "string", "label": ATTACK}})
    plain = await drawn(product, ann, "/datasets", "New dataset")
    ours = plain.count("<script")
    assert plain.count('<script nonce="') == ours > 0, "all of ours carry it"
    for path, words in (
        (f"/datasets/{made.id}", SHOWN),
        (f"/datasets/{made.id}?q={quote(ATTACK)}", SHOWN),
        (f"/datasets?q={quote(ATTACK)}&sort={quote(ATTACK)}", ""),
        (f"/jobs/{quote(ATTACK, safe='')}", ""),
        (f"/{quote(ATTACK, safe='')}?{quote(ATTACK)}={quote(ATTACK)}", ""),
    ):
        page = await drawn(product, ann, path, words)
        assert page.count("<script") == page.count('<script nonce="') == ours, path
        assert ATTACK not in page, path


async def test_only_those_who_may_retry_see_where_in_the_program_a_job_failed(product: Product) -> None:
    async with product.behind() as admin:
        job_id = await add_job(admin, product.company.acme)
        await admin.execute("UPDATE jobs SET error = $2, error_code = 'INTERNAL_ERROR' WHERE id = $1", job_id, ERROR)
    for person, sees in ((product.company.ann, True), (product.company.vic, False)):
        page = await drawn(product, person, f"/jobs/{job_id}", "Row 7 is odd.")
        assert "Code INTERNAL_ERROR" in page
        assert ("inner_secret" in page) == sees, person.name
