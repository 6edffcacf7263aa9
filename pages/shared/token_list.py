"""API tokens as a list: the same for whoever owns them and for whoever administers staff."""

from app import topics
from app.models import TokenState
from app.services.tokens import TokenView
from components.lists.columns import StatusColumn, TextColumn, TimeColumn
from components.lists.table import DataTable, Empty, Load, RowAction
from pages.shared.labels import TOKEN, plural
from pages.shared.permission_labels import RIGHTS


def token_list(load: Load, revoke: RowAction, empty: Empty) -> None:
    """Draw it. ``revoke`` is offered for those that work."""
    DataTable(
        "API tokens",
        load=load,
        columns=[
            TextColumn("name", read=lambda row: row.token.name, card=True, wide=True),
            StatusColumn("state", read=lambda row: row.token.state, shows=TOKEN, card=True),
            TextColumn("hint", label="Begins with", read=lambda row: f"{row.token.hint}…", quiet=True, card=True),
            TextColumn("permissions", label="May", read=_may, wide=True),
            TextColumn("teams", label="Sees", read=_sees),
            TimeColumn("last_used_at", read=lambda row: row.token.last_used_at, label="Last used"),
            TextColumn("last_used_ip", read=lambda row: row.token.last_used_ip, label="From", quiet=True),
            TimeColumn("expires_at", read=lambda row: row.token.expires_at, label="Expires"),
            TimeColumn("created_at", read=lambda row: row.token.created_at, label="Created"),
        ],
        actions=[revoke],
        live=topics.staff,
        empty=empty,
        key="tokens",
    )


def works(row: TokenView) -> bool:
    """Whether a token can still be revoked."""
    return row.token.state is TokenState.ACTIVE


def _may(row: TokenView) -> str:
    return ", ".join(RIGHTS[permission] for permission in row.permissions) or "Nothing any more"


def _sees(row: TokenView) -> str:
    if row.teams is None:
        return "All teams"
    return ", ".join(row.teams) if len(row.teams) < 3 else plural(len(row.teams), "team")
