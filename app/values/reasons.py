"""Why somebody did something: the words that go into the audit log for ever."""

from app.errors import Invalid

MAX_LENGTH = 500


def checked(reason: str) -> str:
    """The reason without the spaces around it.

    Raises:
        Invalid: it is empty, too long, or holds characters that nobody can read.
    """
    words = reason.strip()
    if not words:
        raise Invalid(reason="Say why; it goes into the audit log.")
    if len(words) > MAX_LENGTH:
        raise Invalid(reason=f"A reason has at most {MAX_LENGTH} characters.")
    if not all(character.isprintable() or character in "\n\t" for character in words):
        raise Invalid(reason="Write the reason in plain text.")
    return words
