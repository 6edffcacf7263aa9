"""``python -m tests.screenshots [FOLDER]``: see the package."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests import chromium
from tests.screenshots.camera import Camera
from tests.screenshots.stage import stage
from tests.screenshots.story import SCENES, Story

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
MOST_MS = 60_000


async def main(folder: Path) -> None:
    """Play the whole story once."""
    path = await asyncio.to_thread(chromium.find)
    if path is None:
        sys.exit(chromium.advice())
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as made, stage(Path(made)) as running:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=chromium.LAUNCH_ARGS)
            camera = Camera(browser, running.origin, folder)
            expect.set_options(timeout=MOST_MS)
            ana = await camera.person("ana")
            ana.set_default_timeout(MOST_MS)
            story = Story(running, camera, Path(made), ana)
            for scene in SCENES:
                print(scene.__name__)  # noqa: T201 - a command's own words
                await scene(story)
            await browser.close()


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen))
