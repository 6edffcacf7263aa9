"""Datasets: the list."""

from functools import partial

from app import topics
from app.permissions import Permission
from app.services import datasets
from components.lists.columns import IdColumn, NumberColumn, TextColumn, TimeColumn
from components.lists.downloads import Export
from components.lists.filters import IdFilter
from components.lists.table import DataTable, Empty
from components.page.screen import View, screen
from components.records.blocks import Action, PageHead


@screen("/datasets", title="Datasets", icon="datasets", menu="Work", needs=Permission.DATASETS_READ)
async def datasets_screen(view: View) -> None:
    """All datasets that one may see."""
    may_create = view.may(Permission.DATASETS_CREATE)
    PageHead(
        "Datasets",
        actions=[Action("New dataset", opens="/datasets/new", needs=Permission.DATASETS_CREATE, main=True)],
    )
    DataTable(
        "Datasets",
        load=partial(datasets.search, view.actor),
        columns=[
            TextColumn("name", sort="name", opens="/datasets/{id}", card=True, wide=True),
            TextColumn("team", card=True),
            NumberColumn("rows", card=True),
            IdColumn("id"),
            TimeColumn("updated_at", sort="updated_at"),
            TimeColumn("created_at", sort="id"),
        ],
        filters=[IdFilter("team")],
        search="Name …",
        live=topics.datasets,
        export=Export("datasets"),
        empty=Empty(
            "No datasets yet",
            "A dataset is made by importing a CSV or TSV file.",
            "New dataset" if may_create else "",
            "/datasets/new" if may_create else "",
        ),
    )
