"""What documents say is checked against the program: settings, commands, permissions, links, pictures."""

import re
from pathlib import Path

import pytest
import typer.main

from app.cli.commands import cli
from app.config import Settings
from app.permissions import ALL_TEAMS_ONLY, ROLE_PERMISSIONS, STEP_UP, Permission, Role
from tests.rules.tree import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if path.is_file()
)
GENERATED = {"docs/benchmarks.md", "docs/licenses.md"}
GUIDES = [path for path in DOCUMENTS if path.parts[0] == "docs" and str(path) not in GENERATED]
MOST_LINES = 120
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def text(path: str | Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def settings_table() -> str:
    """The table of the README, made from the settings themselves."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `QUARTERDECK_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def matrix() -> str:
    """The table of the guide on roles, made from the permissions themselves."""
    roles = list(Role)
    lines = [f"| | {' | '.join(role.label for role in roles)} |", f"|---|{':-:|' * len(roles)}"]
    for permission in Permission:
        cells = ["✓" if permission in ROLE_PERMISSIONS[role] else "" for role in roles]
        marks = [mark for mark, kind in (("ᴬ", ALL_TEAMS_ONLY), ("ᴾ", STEP_UP)) if permission in kind]
        lines.append(f"| `{permission}`{''.join(f' {mark}' for mark in marks)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def between(document: str, name: str) -> str:
    """The part of a document between two comments."""
    found = re.search(rf"<!-- {name}:[^>]*-->\n(.*?)\n<!-- end of {name} -->", text(document), re.DOTALL)
    assert found, f"{document} has no part called {name}."
    return found[1]


def test_the_readme_lists_every_setting() -> None:
    assert between("README.md", "settings") == settings_table()


def test_the_guide_shows_who_may_do_what() -> None:
    assert between("docs/roles.md", "matrix") == matrix()


def test_the_readme_lists_every_command() -> None:
    root = typer.main.get_command(cli)
    commands = set()
    for name, command in vars(root)["commands"].items():
        parts = vars(command).get("commands", {})
        commands |= {f"quarterdeck {name} {part}" for part in parts} or {f"quarterdeck {name}"}
    rows = re.findall(r"^\| `(quarterdeck [^`]+)`", text("README.md"), re.MULTILINE)
    assert {re.sub(r" [A-Z-].*", "", row) for row in rows} == commands


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    targets = [target for target in LINK.findall(text(document)) if "://" not in target]
    broken = [target for target in targets if not (ROOT / document.parent / target).exists()]
    assert not broken


@pytest.mark.parametrize("document", GUIDES, ids=str)
def test_a_guide_is_short(document: Path) -> None:
    most = 40 if document.parent.name == "decisions" else MOST_LINES
    assert len(text(document).splitlines()) <= most


def test_every_picture_comes_in_both_themes_and_sizes() -> None:
    folder = ROOT / "docs" / "screens"
    kinds = {f"-{theme}-{width}" for theme in ("light", "dark") for width in (1440, 390)}
    pictures: dict[str, set[str]] = {}
    for picture in folder.glob("*.webp"):
        name, theme, width = picture.stem.rsplit("-", 2)
        pictures.setdefault(name, set()).add(f"-{theme}-{width}")
    assert pictures
    assert {name for name, found in pictures.items() if found != kinds} == set()
