"""The names that people give to datasets, and the names of people."""

from app.errors import Invalid

LENGTH = 120
"""Characters that a name takes."""


def checked(name: str) -> str:
    """The name without the spaces around it.

    Raises:
        Invalid: it is empty, too long, or holds a line break or another sign that cannot be seen.
    """
    wanted = name.strip()
    if not wanted:
        raise Invalid(name="Give the dataset a name.")
    if len(wanted) > LENGTH or not wanted.isprintable():
        raise Invalid(name=f"A name has at most {LENGTH} characters, and no line breaks.")
    return wanted


def of_a_person(name: str) -> str:
    """A person's name without the spaces around it; :class:`Invalid` for the same reasons."""
    wanted = name.strip()
    if not wanted or len(wanted) > LENGTH or not wanted.isprintable():
        raise Invalid(name=f"Give a name of at most {LENGTH} characters, without line breaks.")
    return wanted


TEAM_LENGTH = 120


def of_team(name: str, *, field: str = "name") -> str:
    """The name of a team. ``field`` is the one of the form in which it was typed."""
    wanted = name.strip()
    if not wanted or len(wanted) > TEAM_LENGTH or not wanted.isprintable():
        raise Invalid("", **{field: f"Give the team a name of at most {TEAM_LENGTH} characters."})
    return wanted
