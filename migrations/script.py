"""SQL scripts inside migrations: one statement at a time, as the driver wants them."""

from collections.abc import Iterator

from alembic import op


def run(script: str) -> None:
    """Execute a script whose statements each end a line with a semicolon; bodies stand between ``$$``."""
    for statement in statements(script):
        op.execute(statement)


def statements(script: str) -> Iterator[str]:
    """The statements of a script."""
    held: list[str] = []
    in_body = False
    for line in script.splitlines():
        if not held and (not line.strip() or line.startswith("--")):
            continue
        held.append(line)
        in_body ^= line.count("$$") % 2 == 1
        if not in_body and line.rstrip().endswith(";"):
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)
