"""The README's example of a screen: a new table, and exactly the README's lines."""

import re
import sys
from datetime import datetime
from types import ModuleType
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import DateTime, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import app.models
import app.repositories
import app.services
import pages
from app.config import Settings
from app.ids import uuid7
from tests.pages.visitor import application, visiting
from tests.people import Company, found_company
from tests.rules.tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", README, re.DOTALL))
FILES = ("app/repositories/notes.py", "app/services/notes.py", "pages/notes.py")


class OwnBase(DeclarativeBase):
    """Apart from the product's tables, which other tests compare with the migrations."""

    metadata = MetaData()


class Note(OwnBase):
    """The model that the README supposes."""

    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    team_id: Mapped[UUID]
    words: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


TABLE = """
CREATE TABLE notes (id uuid PRIMARY KEY, team_id uuid NOT NULL, words text NOT NULL, created_at timestamptz NOT NULL);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY platform ON notes TO quarterdeck_platform USING (true);
CREATE POLICY team ON notes TO quarterdeck_team
    USING (team_id = ANY ((SELECT current_setting('app.team_ids', true)::uuid[])::uuid[]));
GRANT SELECT ON notes TO quarterdeck_platform, quarterdeck_team;
"""


def test_a_screen_for_a_new_table_takes_three_files_and_forty_lines() -> None:
    assert tuple(BLOCKS) == FILES
    assert sum(bool(line.strip()) for block in BLOCKS.values() for line in block.splitlines()) <= 40


@pytest.fixture
async def company(admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> Company:
    """With the new table in the database and the README's files in the program."""
    await admin.execute(TABLE)
    monkeypatch.setattr(app.models, "Note", Note, raising=False)
    for path, lines in BLOCKS.items():
        name = path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(lines, path, "exec"), vars(module))  # noqa: S102 - our own README
        monkeypatch.setattr(sys.modules[name.rpartition(".")[0]], "notes", module, raising=False)
    declared = vars(sys.modules["pages.notes"])["notes_screen"]
    monkeypatch.setattr(pages, "SCREENS", (*pages.SCREENS, declared))
    return await found_company(admin)


async def test_it_lists_what_each_may_see(settings: Settings, company: Company, admin: asyncpg.Connection) -> None:
    async with application(settings) as running:
        async with visiting(running, settings, company.ann) as ann:
            await ann.open("/notes")
            await ann.sees("No notes yet")
        for team, words in ((company.acme, "Call Acme"), (company.nordlicht, "Call Nordlicht")):
            await admin.execute("INSERT INTO notes VALUES ($1, $2, $3, now())", uuid7(), team, words)
        async with visiting(running, settings, company.ann) as ann:
            await ann.open("/notes")
            await ann.sees("Call Acme", "Call Nordlicht")
        async with visiting(running, settings, company.tess) as tess:
            await tess.open("/notes")
            await tess.sees("Call Acme")
            assert not any("Nordlicht" in text for text in tess.texts())
        async with visiting(running, settings, company.nil) as nil:
            await nil.open("/notes")
            assert nil.status == 403
