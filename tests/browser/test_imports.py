"""Imports that go wrong, are stopped, or lose their worker, as a person sees them on the real product."""

import csv
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fitting import misfits
from tests.product import Product, Session

MANY = 160_000
BAD_LINES = "id,price\n" + "".join(f"{n},{n}.5\n" for n in range(1, 101)) + "101,cheap\n102,dear\n"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of eight chunks."""
    path = tmp_path_factory.mktemp("files") / "large.csv"
    path.write_text("number,word\n" + "".join(f"{n},word {n}\n" for n in range(MANY)))
    return path


async def enter(product: Product, page: Page) -> Session:
    """Signed in as ann, at the start of a new dataset."""
    session = await product.enter(page.context, product.company.ann)
    await page.goto(f"{product.origin}/datasets/new")
    await expect(page.get_by_role("heading", level=1)).to_have_text("New dataset")
    return session


async def give(page: Page, name: str, content: str | bytes | Path) -> None:
    file = page.get_by_label("File", exact=True)
    if isinstance(content, Path):
        await file.set_input_files(content)
    else:
        data = content if isinstance(content, bytes) else bytes(content, "utf-8")
        await file.set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})


async def begin(product: Product, page: Page, name: str, content: str | bytes | Path) -> UUID:
    """Import a file into a new dataset of this name; returns the import that is shown then."""
    await give(page, f"{name}.csv", content)
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("button", name="Start import").click()
    await page.wait_for_url("**/imports/*")
    return UUID(page.url.rpartition("/")[2])


async def rows_of(product: Product, import_id: UUID) -> int:
    return int(await product.value("SELECT count(*) FROM dataset_rows WHERE import_id = $1", import_id))


@asynccontextmanager
async def held_in_the_middle(product: Product, import_id: UUID) -> AsyncIterator[int]:
    """While the block runs, the import's next chunk waits; yields how many rows are in."""
    await product.until("SELECT rows_good > 0 FROM imports WHERE id = $1", import_id)
    async with product.behind() as admin, admin.transaction():
        held = await admin.fetchrow("SELECT rows_good, status FROM imports WHERE id = $1 FOR UPDATE", import_id)
        assert held["status"] == "loading"
        assert 0 < held["rows_good"] < MANY
        yield held["rows_good"]


async def test_bad_rows_are_reported_on_the_screen_and_as_a_file(product: Product, page: Page, tmp_path: Path) -> None:
    await enter(product, page)
    await give(page, "prices.csv", BAD_LINES)
    await page.get_by_label("Name", exact=True).fill("Prices")
    await page.get_by_label("Type of price").select_option("number")
    await page.get_by_role("button", name="Start import").click()
    await expect(page.get_by_role("heading", name="100 rows imported")).to_be_visible()
    await expect(page.get_by_text("2 bad rows left out.")).to_be_visible()
    bad = page.get_by_role("table", name="Bad rows")
    await expect(bad.get_by_role("row")).to_have_count(3)
    await expect(bad.get_by_role("row").nth(1)).to_contain_text("cheap")
    await expect(bad.get_by_role("row").nth(1)).to_contain_text("102")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download all bad rows").click()
    await (await download.value).save_as(tmp_path / "bad.csv")
    with (tmp_path / "bad.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][:3] == ["id", "price", "Line"]
    assert [row[:3] for row in rows[1:]] == [["101", "cheap", "102"], ["102", "dear", "103"]]
    assert await product.value("SELECT count(*) FROM dataset_rows WHERE data->>'price' IN ('cheap', 'dear')") == 0
    import_id = UUID(page.url.rpartition("/")[2])
    assert await rows_of(product, import_id) == 100


@pytest.mark.parametrize("viewport", [(1440, 900), (390, 844)], ids=["desk", "phone"])
async def test_page_ends_with_its_content_where_cells_would_be_rejected(
    product: Product, open_page: OpenPage, viewport: tuple[int, int]
) -> None:
    """What screen readers are told about a cell lies within the preview, however far it scrolls."""
    page = await open_page(viewport=viewport)
    await enter(product, page)
    wide = ",".join(f"a column with a long name {n}" for n in range(30))
    await give(page, "wide.csv", wide + "\n" + "".join(",".join([f"word {n}"] * 30) + "\n" for n in range(60)))
    for column in ("0", "29"):
        await page.get_by_label(f"Type of a column with a long name {column}", exact=True).select_option("number")
    await expect(page.get_by_text("cells would be rejected")).to_be_visible()
    await expect(page.locator(".qd-rejected")).to_have_count(100)
    assert await misfits(page) == []


async def test_all_or_nothing_imports_nothing(product: Product, page: Page) -> None:
    await enter(product, page)
    await give(page, "prices.csv", BAD_LINES.replace("dear", "costly"))
    await page.get_by_label("Name", exact=True).fill("Whole prices")
    await page.get_by_label("Type of price").select_option("number")
    await page.get_by_label("Bad rows", exact=True).select_option(label="Import nothing if any row is bad")
    await page.get_by_role("button", name="Start import").click()
    await expect(page.get_by_text("Refused", exact=True)).to_be_visible()
    await expect(page.get_by_role("heading", name="Nothing was imported")).to_be_visible()
    await expect(page.get_by_role("table", name="Bad rows").get_by_role("row")).to_have_count(3)
    assert await rows_of(product, UUID(page.url.rpartition("/")[2])) == 0


async def test_a_refused_file_is_corrected_and_imported_without_sending_it_again(product: Product, page: Page) -> None:
    await enter(product, page)
    await give(page, "penguins.csv", BAD_LINES.replace("dear", "pricey"))
    await page.get_by_label("Name", exact=True).fill("Penguins")
    await page.get_by_label("New team").fill("Palmer station")
    await page.get_by_label("Type of price").select_option("date")
    await page.get_by_role("button", name="Start import").click()
    await expect(page.get_by_role("heading", name="Nothing was imported")).to_be_visible()
    await expect(page.get_by_text("The import has started.")).to_have_count(0)
    await expect(page.get_by_role("button", name="Retry import")).to_have_count(0)
    shown = "SELECT count(*) FROM teams WHERE name = 'Palmer station' AND status = 'active'"
    assert await product.value(shown) == 0
    refused = page.url
    await page.get_by_role("link", name="Job", exact=True).click()
    await expect(page.get_by_role("link", name="Correct the columns and try again")).to_be_visible()
    await expect(page.get_by_role("button", name="Retry job")).to_have_count(0)
    await page.goto(refused)
    await page.get_by_role("link", name="Correct the columns and try again").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Correct the columns")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Penguins")
    await expect(page.get_by_label("New team")).to_have_value("Palmer station")
    await expect(page.get_by_label("Type of price")).to_have_value("date")
    await page.get_by_label("Type of price").select_option("number")
    await page.get_by_role("button", name="Start import").click()
    await expect(page.get_by_role("heading", name="100 rows imported")).to_be_visible()
    assert await product.value(shown) == 1


@pytest.mark.timeout(240)
async def test_killed_worker_loses_nothing_and_doubles_nothing(product: Product, page: Page, large: Path) -> None:
    await enter(product, page)
    import_id = await begin(product, page, "Survivor", large)
    async with held_in_the_middle(product, import_id):
        await expect(page.get_by_role("progressbar", name="Import")).to_be_visible()
        product.kill_worker()
    product.start_worker()
    await expect(page.get_by_role("heading", name="160,000 rows imported")).to_be_visible(timeout=120_000)
    whole = await product.fetch(
        "SELECT count(*), count(DISTINCT position), count(DISTINCT data->>'number'), min(position), max(position)"
        " FROM dataset_rows WHERE import_id = $1",
        import_id,
    )
    assert tuple(whole[0]) == (MANY, MANY, MANY, 1, MANY)
    counted = "SELECT sum(n) FROM dataset_counts c JOIN datasets d ON d.number = c.dataset_number WHERE d.name = $1"
    assert await product.value(counted, "Survivor") == MANY
    kinds = (
        "SELECT array_agg(kind ORDER BY e.id) FROM job_events e JOIN imports i ON i.job_id = e.job_id WHERE i.id = $1"
    )
    assert [kind for kind in await product.value(kinds, import_id) if kind in {"claimed", "taken_over"}] == [
        "claimed",
        "taken_over",
    ]
    await page.get_by_role("link", name="Open the dataset").first.click()
    await expect(page.locator(".qd-place")).to_contain_text("Row 1 of 160,000")


@pytest.mark.timeout(240)
async def test_cancel_in_the_middle_keeps_nothing(product: Product, page: Page, large: Path) -> None:
    await enter(product, page)
    import_id = await begin(product, page, "Cancelled", large)
    async with held_in_the_middle(product, import_id):
        await page.get_by_role("button", name="Cancel import").click()
        dialog = page.get_by_role("dialog", name="Cancel the import of large.csv?")
        await expect(dialog).to_contain_text("What was loaded so far is removed again; nobody has seen it.")
        await dialog.get_by_label("Reason").fill("The wrong file")
        await dialog.get_by_role("button", name="Cancel import").click()
        await expect(page.get_by_text("Asked to stop; stops at its next step")).to_be_visible()
    await expect(page.get_by_role("heading", name="The import was cancelled")).to_be_visible()
    while await rows_of(product, import_id):
        await page.wait_for_timeout(50)  # a job of its own removes what was loaded
    reason = "SELECT reason FROM audit_told() a JOIN imports i ON a.target_id = i.job_id::text WHERE i.id = $1"
    assert await product.value(reason + " AND action = 'job.cancelled'", import_id) == "The wrong file"
    await expect(page.get_by_role("button", name="Retry import")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(5_000), "This is not a text file"),
        ("noise.csv", bytes(range(256)) * 40, "This is not a text file"),
        ("page.csv", b"<!doctype html><p>Hello", "This is a web page or an XML document, not a table."),
        ("blank.csv", b"\n\n\n", "empty"),
    ],
    ids=["picture", "binary", "web page", "blank"],
)
async def test_broken_file_is_one_sentence(
    product: Product, page: Page, name: str, content: bytes, sentence: str
) -> None:
    await enter(product, page)
    before = await product.value("SELECT count(*) FROM imports")
    await give(page, name, content)
    refusal = page.get_by_role("alert")
    await expect(refusal.get_by_role("heading")).to_have_text("This file cannot be imported")
    await expect(refusal).to_contain_text(sentence)
    await expect(page.get_by_role("button", name="Start import")).to_have_count(0)
    await page.get_by_role("button", name="Choose another file").click()
    await give(page, "good.csv", "a,b\n1,2\n")
    await expect(page.get_by_role("table", name="Columns")).to_be_visible()
    assert await product.value("SELECT count(*) FROM imports") == before


async def test_empty_file_is_refused_before_it_is_sent(product: Product, page: Page) -> None:
    await enter(product, page)
    await give(page, "nothing.csv", b"")
    await expect(page.get_by_role("alert")).to_contain_text("This file is empty. Choose another one.")


async def test_double_click_starts_one_import(product: Product, page: Page) -> None:
    await enter(product, page)
    await give(page, "twice.csv", "a,b\n" + "1,2\n" * 50)
    await page.get_by_label("Name", exact=True).fill("Twice")
    await page.get_by_role("button", name="Start import").dblclick()
    await expect(page.get_by_role("heading", name="50 rows imported")).to_be_visible()
    assert await product.value("SELECT count(*) FROM imports WHERE filename = 'twice.csv'") == 1
    assert await product.value("SELECT count(*) FROM datasets WHERE name LIKE 'Twice%'") == 1


async def test_taken_name_is_told_and_nothing_is_lost(product: Product, page: Page) -> None:
    await enter(product, page)
    await begin(product, page, "Taken", "a,b\n1,2\n")
    await page.goto(f"{product.origin}/datasets/new")
    await give(page, "second.csv", "a,b\n3,4\n")
    await page.get_by_label("Name", exact=True).fill("Taken")
    await page.get_by_label("Type of a").select_option("text")
    await page.get_by_role("button", name="Start import").click()
    form = page.get_by_role("form", name="Import")
    await expect(form).to_contain_text("This team already has a dataset with that name.")
    await expect(form.get_by_label("Name", exact=True)).to_have_value("Taken")
    await expect(page.get_by_role("button", name="Start import")).to_be_enabled()
    await expect(page.get_by_label("Type of a")).to_have_value("text")
    await page.get_by_label("Name", exact=True).fill("Not taken")
    await page.get_by_role("button", name="Start import").click()
    await expect(page.get_by_role("heading", name="1 row imported")).to_be_visible()


@pytest.mark.parametrize("told", [True, False], ids=["told", "silent"])
async def test_revoked_session_in_the_middle_of_the_wizard(product: Product, open_page: OpenPage, told: bool) -> None:
    page = await open_page()
    session = await enter(product, page)
    await give(page, "late.csv", "a,b\n1,2\n")
    await page.get_by_label("Name", exact=True).fill("Too late")
    await expect(page.get_by_role("button", name="Start import")).to_be_visible()
    await session.revoke(told=told)
    if not told:
        await page.get_by_role("button", name="Start import").click()
    await page.wait_for_url(re.compile(r"/login\?next=(/|%2F)datasets(/|%2F)new$"))
    assert await product.value("SELECT count(*) FROM datasets WHERE name = 'Too late'") == 0


async def test_more_rows_into_the_same_dataset(product: Product, page: Page) -> None:
    await enter(product, page)
    await begin(product, page, "Grows", "a,b\n1,2\n")
    await page.get_by_role("link", name="Open the dataset").first.click()
    await page.get_by_role("link", name="Import", exact=True).click()
    await give(page, "more.csv", "b,a,c\n4,3,5\n6,5,7\n")
    await expect(page.get_by_text("not a field of this dataset: left out")).to_be_visible()
    await page.get_by_role("button", name="Start import").click()
    await expect(page.get_by_role("heading", name="2 rows imported")).to_be_visible()
    rows = await product.fetch(
        "SELECT r.data->>'a' AS a FROM dataset_rows r JOIN datasets d ON d.number = r.dataset_number"
        " WHERE d.name = 'Grows' ORDER BY position"
    )
    assert [row["a"] for row in rows] == ["1", "3", "5"]
