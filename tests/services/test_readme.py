"""The README's example of a screen: its very lines, run."""

import re
import sys
from types import ModuleType
from typing import Any

import pytest

from app.paging import PageRequest
from app.permissions import Permission
from app.repositories import teams as repository
from app.services import teams as service
from components.screen import Screen
from tests.people import Company
from tests.rules.tree import ROOT

BLOCKS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL))


def grown(module: ModuleType, lines: str) -> dict[str, Any]:
    """What a module holds with these lines at its end."""
    names = dict(vars(module))
    exec(compile(lines, "README.md", "exec"), names)  # noqa: S102 - our own README
    return names


async def test_the_example_lists_teams(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = grown(repository, BLOCKS["app/repositories/teams.py"])["search"]
    monkeypatch.setattr(repository, "search", asked, raising=False)
    monkeypatch.setattr(service, "search", grown(service, BLOCKS["app/services/teams.py"])["search"], raising=False)
    search: Any = vars(service)["search"]
    found = await search(company.ann, PageRequest())
    assert [row.name for row in found.rows] == ["Nordlicht", "Acme"]
    assert [row.name for row in (await search(company.tess, PageRequest())).rows] == ["Acme"]
    assert [row.name for row in (await search(company.ann, PageRequest(search="nord"))).rows] == ["Nordlicht"]


def test_the_example_declares_a_screen() -> None:
    page = ModuleType("pages.example")
    declared = grown(page, BLOCKS["pages/teams.py"])["teams_screen"]
    assert isinstance(declared, Screen)
    assert (declared.path, declared.needs) == ("/teams", Permission.TEAMS_READ)
    assert "pages.example" not in sys.modules
