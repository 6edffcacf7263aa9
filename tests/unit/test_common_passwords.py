"""What is guessed first may not become a password; what is long and unusual may, in any script."""

import pytest

from app.crypto import passwords
from app.crypto.common_passwords import _common, why_weak
from app.errors import Invalid
from tests.people import PASSWORD

ABOUT = ("Ann Adler", "ann.adler@example.com")
FIRST, ROWS, FEW, OWN = "guessed first", "Do not use rows", "Do not repeat", "Use more than your name"
WEAK = {
    **dict.fromkeys(["password1234", "PASSWORD-2026!!", "P@ssw0rd!!!!", "iloveyou2024!", "sunshine 987654"], FIRST),
    **dict.fromkeys(["ｐａｓｓｗｏｒｄ1234", "...finalfantasy", "!1qaz2wsx3edc4rfv!", "Leavemealone99"], FIRST),
    **dict.fromkeys(["12345678901245", "qwertzuiop-asdf", "zyxwvutsrqponm", "abcdefgh 87654"], ROWS),
    **dict.fromkeys(["aaaaaaaaaaaa", "abcabcabcabc", "xk7q2xk7q2xk7q2", "hello1hello1", "!!!!????....", " " * 20], FEW),
    **dict.fromkeys(["Quarterdeck2026", "annadler1985!!", "Adler. Ann. Adler!", "ann.adler@example.com"], OWN),
    **dict.fromkeys(["QUARTERDECK-ann", "example-example.com1999", "quarterdeck1234"], OWN),
}
STRONG = [
    *(PASSWORD, "correct horse battery", "drei lange Wörter hier", "日本語のパスワードです。長い", "Tr0ub4dor&3xyz"),
    *("840291736452", "gK7-vQ2_xM9pL4wZ", "adlerhorst über dem tal", "password of my grandmother's cat"),
]


@pytest.mark.parametrize(("password", "words"), WEAK.items())
def test_what_is_guessed_first_is_refused_in_one_sentence_or_two(password: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.check_policy(password, ABOUT)
    assert words in refused.value.fields["password"]
    assert password not in refused.value.message


@pytest.mark.parametrize("password", STRONG)
def test_what_is_long_and_unusual_is_not(password: str) -> None:
    passwords.check_policy(password, ABOUT)


def test_what_is_somebodys_name_is_nothing_to_others() -> None:
    passwords.check_policy("annadler1985!!", ("Vic Vale", "vic@example.com"))
    passwords.check_policy("Li of the seven seas", ("Li Wu", "li@example.com"))


def test_the_list_is_there_and_holds_what_twelve_characters_are_made_of() -> None:
    known = _common()
    assert len(known) > 7_000
    assert sum(len(word) >= passwords.MIN_LENGTH for word in known) > 200
    assert {"password", "letmein", "1qaz2wsx3edc"} <= known
    assert not {"", "correcthorsebatterystaple"} & known
    assert not any(word.startswith("#") or "copyright" in word for word in known)


@pytest.mark.parametrize("password", ["x" * 1024, "ab1" * 341, "".join(map(chr, range(0x4E00, 0x4E00 + 1024)))])
def test_the_longest_are_weighed_too(password: str) -> None:
    assert (why_weak(password) is None) == (len(set(password)) > 5)
