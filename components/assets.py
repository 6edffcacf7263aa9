"""Our own style sheets and start-up script, and their addresses, which change with their contents."""

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
SERVED = (
    "theme.css",
    "charts.css",
    "datasets.css",
    "audit.css",
    "job.css",
    "theme.js",
    *(f"pictures/{file.name}" for file in FOLDER.glob("pictures/*.svg")),
)
"""The only files of this folder that ``/static`` hands out; Vue components go NiceGUI's way."""


@cache
def address(name: str) -> str:
    """The address of a file under ``/static``; it may be kept for ever, because new contents get a new one."""
    return f"/static/{name}?v={hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]}"


def head_html() -> str:
    """What every page of the frame has in its head. The script comes first, so that no wrong theme flashes."""
    sheets = "".join(f'<link rel="stylesheet" href="{address(n)}">' for n in SERVED if n.endswith(".css"))
    return f'<script src="{address("theme.js")}"></script>{sheets}'
