"""What is guessed first: common passwords, rows of neighbouring keys, few characters again and again, one's own name.

A password is weighed by what is left of it when all that is taken away. Pure functions; the list of common passwords
is a file beside this one, which says where it comes from.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

LEFT_OVER = 5
"""Characters that must remain of a password without what is easily guessed."""
PRODUCT = "quarterdeck"
_FEW = 5
_SHORTEST_ROW = 3
_SHORTEST_WORD = 3
_SHORTEST_COMMON = 4
_ROWS = (
    *("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm"),
    *("azertyuiop", "qsdfghjklm", "wxcvbn", "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol"),
)
_REPEATED = re.compile(r"(.{1,7}?)\1+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_OTHER_LETTERS = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"}
)


def why_weak(password: str, about: Iterable[str] = ()) -> str | None:
    """One sentence on why this is guessed early; None when it is not. ``about`` is what is known of its owner."""
    typed = _normal(password)
    plain = _signless(typed)
    if len(set(typed)) < _FEW or _REPEATED.fullmatch(plain):
        return "Do not repeat the same few characters. Three or four unusual words make a good password."
    if _forms(typed) & _common():
        return "This is one of the passwords that are guessed first. Three or four unusual words make a good one."
    if len(_without_rows(plain)) < LEFT_OVER:
        return "Do not use rows such as 123456 or qwerty. Three or four unusual words make a good password."
    if len(_without_rows(_without_words(plain, about))) < LEFT_OVER:
        return "Use more than your name, your e-mail, a year or the name of this console."
    return None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _signless(text: str) -> str:
    """Only letters and digits; without any, the text as it is."""
    return "".join(filter(str.isalnum, text)) or text


def _without_words(plain: str, about: Iterable[str]) -> str:
    """Without whatever names the owner or the console, longest first, and without years."""
    words = {word for text in about for word in re.split(r"[\W_]+", _normal(text)) if len(word) >= _SHORTEST_WORD}
    for word in sorted({*words, PRODUCT}, key=len, reverse=True):
        plain = plain.replace(word, "")
    return _YEAR.sub("", plain)


def _without_rows(plain: str) -> str:
    """Without runs of at least three characters of which each stands beside the one before, or is the same."""
    kept, run = "", plain[:1]
    for letter in plain[1:]:
        if letter == run[-1] or (run[-1], letter) in _neighbours():
            run += letter
        else:
            kept, run = kept + _unless_row(run), letter
    return kept + _unless_row(run)


def _unless_row(run: str) -> str:
    return "" if len(run) >= _SHORTEST_ROW else run


def _forms(typed: str) -> set[str]:
    """The word in the middle of a password, as it is and with letters in place of signs that look like them."""
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", typed)
    spelt = _signless(core.translate(_OTHER_LETTERS))
    forms = {_signless(typed), _signless(core), spelt, _signless(typed.translate(_OTHER_LETTERS))}
    return {form for form in forms if len(form) >= _SHORTEST_COMMON}


@cache
def _neighbours() -> frozenset[tuple[str, str]]:
    pairs = {pair for row in _ROWS for pair in pairwise(row)}
    return frozenset(pairs | {(after, before) for before, after in pairs})


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    lines = (Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(form for line in lines if line and not line.startswith("#") for form in _forms(line))
