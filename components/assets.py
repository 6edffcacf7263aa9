"""Our own style sheet and start-up script, and their addresses, which change with their contents."""

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
SHEET, SCRIPT = "quarterdeck.css", "theme.js"
STYLES = (
    *("tokens", "base", "shell", "controls", "panels", "lists", "states", "selection", "records", "forms", "sign_in"),
    *("comparison", "permissions", "narrow", "motion"),
    *("charts", "period", "sparklines"),
    *("dataset", "grid", "grid_filters", "upload", "file_columns"),
    *("audit", "job"),
)
"""The files of ``styles`` that make the one sheet, in this order: of two rules that weigh alike, the later one wins."""
PICTURES = tuple(f"pictures/{file.name}" for file in FOLDER.glob("pictures/*.svg"))


@cache
def contents(name: str) -> bytes | None:
    """What stands under ``/static`` by this name; None: nothing. Vue components go NiceGUI's way."""
    if name == SHEET:
        return b"".join((FOLDER / "styles" / f"{style}.css").read_bytes() for style in STYLES)
    if name == SCRIPT:
        return (FOLDER / "styles" / SCRIPT).read_bytes()
    return (FOLDER / name).read_bytes() if name in PICTURES else None


@cache
def address(name: str) -> str:
    """The address of a file under ``/static``; it may be kept for ever, because new contents get a new one."""
    return f"/static/{name}?v={hashlib.sha256(contents(name) or b'').hexdigest()[:12]}"


def head_html() -> str:
    """What every page of the frame has in its head. The script comes first, so that no wrong theme flashes."""
    return f'<script src="{address(SCRIPT)}"></script><link rel="stylesheet" href="{address(SHEET)}">'
