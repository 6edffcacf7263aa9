"""Which browser and system a user agent names, in words: for people to recognise their own devices, nothing else.

User agents claim to be each other, so the order of the rules counts: whoever imitates others comes first.
"""

from collections.abc import Sequence

BROWSERS: Sequence[tuple[str, str]] = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
)
SYSTEMS: Sequence[tuple[str, str]] = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
UNKNOWN = "Unknown device"
_LONGEST_PROGRAM = 40


def describe(user_agent: str) -> str:
    """``Chrome on Windows``, ``Safari on iPhone``; a program by its name (``curl``); else what is known of the two."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser or system:
        return f"{browser or 'Unknown browser'} on {system}" if system else browser
    program = user_agent.partition("/")[0].strip()
    return program if 0 < len(program) <= _LONGEST_PROGRAM and program.isprintable() else UNKNOWN


def _first(rules: Sequence[tuple[str, str]], user_agent: str) -> str:
    return next((words for mark, words in rules if mark in user_agent), "")
