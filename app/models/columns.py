"""Types of columns that SQLAlchemy does not know."""

from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit number of a transaction, which no overflow brings back. Cast it to text to read it."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Its name in SQL."""
        return "xid8"


ischema_names.setdefault("xid8", Xid8)  # so that a look at the schema knows it, too
