"""Codes by the vectors of RFC 6238, recovery codes, and seals by a ring of keys."""

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from app.crypto import sealed, totp

# Appendix B of the RFC, the SHA-1 rows: its codes have eight digits, of which ours are the last six.
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
SECRET = base64.b32encode(b"12345678901234567890").decode()
OLD, NEW, OTHER = "o" * 43, "n" * 43, "x" * 43


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_codes_of_the_rfc(seconds: int, code: str) -> None:
    assert totp.accepted_step(SECRET, code[-6:], at(seconds)) == seconds // 30
    assert totp.accepted_step(SECRET, f" {code[-6:-3]} {code[-3:]} ", at(seconds)) == seconds // 30


def test_a_code_counts_one_step_early_and_one_step_late_and_no_more() -> None:
    seconds, code = 1234567890, VECTORS[1234567890][-6:]
    step = seconds // 30
    accepted = [totp.accepted_step(SECRET, code, at(seconds + 30 * late)) for late in range(-3, 4)]
    assert accepted == [None, None, step, step, step, None, None]


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "89005924", "abcdef", "００５９２４", "-05924", "0x5924"])
def test_what_is_no_code_is_never_accepted(typed: str) -> None:
    assert totp.accepted_step(SECRET, typed, at(1234567890)) is None


def test_secrets_have_160_bits_and_apps_are_told_whose_they_are() -> None:
    secret = totp.new_secret()
    assert len(base64.b32decode(secret)) * 8 == 160
    address = urlsplit(totp.address(secret, "ann@example.com", "Quarterdeck (Tests)"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Quarterdeck (Tests):ann@example.com"
    assert parse_qs(address.query) == {"secret": [secret], "issuer": ["Quarterdeck (Tests)"]}


def test_recovery_codes_are_ten_of_120_bits_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len({totp.recovery_digest(code) for code in codes}) == len(set(codes)) == 10
    assert len(set(totp._ALPHABET)) == 32
    for code in codes:
        letters = code.replace("-", "")
        assert len(letters) * 5 >= 118
        assert set(letters) <= set(totp._ALPHABET)
        assert not totp.looks_like_code(code)
        for typed in (code.upper(), letters, code.replace("-", " "), code.replace("0", "O"), f" {code}\n"):
            assert totp.recovery_digest(typed) == totp.recovery_digest(code)
    assert totp.recovery_digest(codes[0]) != totp.recovery_digest(codes[0][:-1])


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    before = sealed.seal("secret", [OLD], "ann")
    assert sealed.unseal(before, [NEW, OLD], "ann") == "secret"
    after = sealed.seal("secret", [NEW, OLD], "ann")
    assert (sealed.is_newest(before, [NEW, OLD]), sealed.is_newest(after, [NEW, OLD])) == (False, True)
    assert sealed.unseal(after, [NEW], "ann") == "secret"
    assert sealed.seal("secret", [NEW], "ann") != after
    assert b"secret" not in after


@pytest.mark.parametrize("attack", ["another key", "another record", "changed", "cut", "empty", "another key's name"])
def test_a_seal_opens_for_nobody_else(attack: str) -> None:
    made = sealed.seal("secret", [OLD], "ann")
    given = {
        "changed": made[:-1] + bytes([made[-1] ^ 1]),
        "cut": made[:15],
        "empty": b"",
        "another key's name": sealed.seal("secret", [NEW], "ann")[:8] + made[8:],
    }.get(attack, made)
    keys = [OTHER] if attack == "another key" else [NEW, OLD]
    with pytest.raises(sealed.Unreadable):
        sealed.unseal(given, keys, "vic" if attack == "another record" else "ann")


def test_a_key_that_might_be_guessed_seals_nothing() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        sealed.seal("secret", ["short"], "ann")
