"""What a spreadsheet takes for the beginning of a formula: cells that leave as files do not begin so."""

SIGNS = "=+-@\t\n\r＝＋－＠"
"""The signs, full-width ones too, and the blanks that some strip before they look."""
UNSEEN = "".join(
    map(chr, (0x20, 0xA0, 0xAD, 0x1680, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205F, 0x2060, 0x3000, 0xFEFF))
)
"""What no eye sees before a sign: blanks of all kinds, of no width too, and marks of direction."""


def is_formula(text: str) -> bool:
    """Whether a text begins like a formula, maybe behind something unseen."""
    return text.lstrip(UNSEEN).startswith(tuple(SIGNS))
