"""A full disk on the screens: who clicks reads what it is, and Home tells whoever is on call."""

import asyncpg

from tests.pages.visitor import Visit
from tests.people import Company

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


async def test_a_full_disk_has_its_sentence_in_a_dialog_and_stands_on_home(
    visit: Visit, people: Company, admin: asyncpg.Connection
) -> None:
    await admin.execute(FULL)
    await admin.execute("CREATE TRIGGER full_disk BEFORE INSERT ON teams FOR EACH ROW EXECUTE FUNCTION full_disk()")
    ann = await visit(people.ann, "/teams")
    ann.press("New team")
    dialog = await ann.answer("New team", name="Kite Labs")
    sentence = "The disk of the database is full: nothing was saved. Tell whoever runs Quarterdeck."
    assert (await ann.refuses(dialog))[""] == sentence
    home = await visit(people.ann, "/")
    await home.sees("something failed: the disk of the database is full", "Make room on it")
