"""``python -m tests.screenshots [FOLDER]``: see the package."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests import chromium
from tests.screenshots import company, incident, states, story
from tests.screenshots.camera import Camera
from tests.screenshots.stage import Stage, stage

Scenes = Sequence[Callable[[story.Story], Awaitable[None]]]

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
MOST_MS = 60_000


async def main(folder: Path) -> None:
    """Show the states, then play both acts once."""
    path = await asyncio.to_thread(chromium.find)
    if path is None:
        sys.exit(chromium.advice())
    await show_states(path, folder)
    for scenes, demo in ((story.SCENES, False), ((*company.SCENES, *incident.SCENES), True)):
        with tempfile.TemporaryDirectory(prefix="quarterdeck-") as made, stage(Path(made), demo=demo) as running:
            await play(running, Path(made), path, folder, scenes)


async def show_states(chromium_path: Path, folder: Path) -> None:
    """The act without a story: every state, in the gallery."""
    expect.set_options(timeout=MOST_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=chromium.LAUNCH_ARGS)
        for role, acts in states.ACTS:
            with states.gallery(role) as origin:
                for act in acts:
                    print(act.__name__)  # noqa: T201 - a command's own words
                    camera = Camera(browser, origin, folder)
                    await act(camera, await camera.person())
        await browser.close()


async def play(running: Stage, made: Path, chromium_path: Path, folder: Path, scenes: Scenes) -> None:
    """One act on a stage of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=chromium.LAUNCH_ARGS)
        camera = Camera(browser, running.origin, folder)
        expect.set_options(timeout=MOST_MS)
        ana = await camera.person("ana")
        ana.set_default_timeout(MOST_MS)
        told = story.Story(running, camera, made, ana)
        for scene in scenes:
            print(scene.__name__)  # noqa: T201 - a command's own words
            await scene(told)
        await browser.close()


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen))
