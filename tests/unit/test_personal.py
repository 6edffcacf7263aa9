"""What stands in the place of personal data: readable, the same each time, and nothing that leads back."""

import pytest

from app.permissions import Permission
from app.privacy.personal import DOTS, Kind, Masked, Veil, email, masked_for, name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ada Lovelace", "A•••• L••••"),
        ("Ada King Lovelace", "A•••• L••••"),
        ("  Ada  ", "A••••"),
        ("Bo", "B••••"),
        ("Q", DOTS),
        ("X Æ", f"{DOTS} {DOTS}"),
        ("王小明", "王••••"),
        ("ada@example.com", "a••••"),
        ("", DOTS),
    ],
)
def test_names(value: str, shown: str) -> None:
    assert name(value) == shown
    assert isinstance(name(value), Masked)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ada@example.com", "a••••@e••••.com"),
        ("ada.lovelace@mail.example.co.uk", "a••••@m••••.uk"),
        ("a@b.co", f"{DOTS}@{DOTS}.co"),
        ("ada", DOTS),
        ("@example.com", DOTS),
        ("ada@localhost", DOTS),
    ],
)
def test_addresses(value: str, shown: str) -> None:
    assert email(value) == shown


def test_free_words_keep_all_but_addresses_and_those_who_were_met() -> None:
    veil = Veil()
    assert not veil.met
    assert veil.words("Printed 12 pages for Ada Lovelace") == "Printed 12 pages for Ada Lovelace"
    assert (
        veil.words("Ask Ada@Example.com, or (bob+x@mail.example.org).") == "Ask A••••@E••••.com, or (b••••@m••••.org)."
    )
    veil.meet("Ada Lovelace-Byron", Kind.NAME)
    veil.meet("o'hara (x)@example", Kind.EMAIL)
    assert veil.met
    for text, shown in (
        ("for ada\n lovelace-byron", "for a•••• l••••"),
        ("invoice_LOVELACE-BYRON.pdf", "invoice_L••••.pdf"),
        ("Ada, please; Adams and Canada may stay", "A••••, please; Adams and Canada may stay"),
        ("mail o'hara (x)@example now", "mail •••• now"),
        ("nothing here", "nothing here"),
    ):
        assert veil.words(text) == shown
        assert veil.words(shown) == shown
    assert type(veil.words("nothing here")) is str
    assert type(veil.words("Ada")) is Masked


def test_json_is_masked_in_depth() -> None:
    veil = Veil()
    value = {"to": ["ada@example.com", {"n": 1, "note": None}], "beta": True}
    assert veil.over(value, Kind.WORDS) == {"to": ["a••••@e••••.com", {"n": 1, "note": None}], "beta": True}
    assert veil.over(value, Kind.HIDDEN) == {"to": [DOTS, {"n": DOTS, "note": None}], "beta": True}
    assert veil.over("anything", Kind.ENTRY) == DOTS
    once = veil.over("Ada", Kind.NAME)
    assert veil.over(once, Kind.EMAIL) is once


def test_for_whom_values_are_masked() -> None:
    """Also for kinds of actors that do not exist yet."""
    for kind in ("staff", "token", "something new"):
        assert masked_for(kind, frozenset())
        assert masked_for(kind, frozenset(Permission) - {Permission.PERSONAL_READ})
        assert not masked_for(kind, {Permission.PERSONAL_READ})
    for kind in ("system", "command", "keeper"):
        assert not masked_for(kind, frozenset())
