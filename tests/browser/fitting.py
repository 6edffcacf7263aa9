"""Whether a page fits its window and ends where its content does, and whether all of a list can be seen."""

from playwright.async_api import Page


async def misfits(page: Page) -> list[str]:
    """What sticks out of the page, lies beyond its end, or is cut: one line each, none for a good page."""
    found: list[str] = await page.evaluate(_MISFITS)
    return found


_MISFITS = """() => {
  const root = document.documentElement, found = [];
  const end = Math.ceil(document.querySelector(".q-layout").getBoundingClientRect().bottom + scrollY);
  const beyond = () => [...document.querySelectorAll(".q-layout *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1).at(-1)?.outerHTML;
  if (root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} px wide, its window ${innerWidth}: ${beyond()}`);
  if (root.scrollHeight > Math.max(innerHeight, end)) found.push(`the page is ${root.scrollHeight} px high, its content ${end}`);
  for (const list of document.querySelectorAll(".list .scroll"))
    if (list.scrollWidth > list.clientWidth) found.push(`${list.firstChild.ariaLabel}: ${list.scrollWidth} px in ${list.clientWidth}`);
  for (const act of document.querySelectorAll(".head .acts > *, .bar > *, .foot .btn"))
    if (act.getBoundingClientRect().right > innerWidth || act.scrollWidth > act.clientWidth + 1) found.push(`cut: ${act.innerText}`);
  for (const text of document.querySelectorAll(".list td .cut"))
    if ((text.scrollWidth > text.clientWidth || text.scrollHeight > text.clientHeight + 2) && text.title !== text.textContent) found.push(`no title: ${text.textContent}`);
  return found;
}"""
