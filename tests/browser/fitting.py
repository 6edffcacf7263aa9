"""Whether a page fits its window and ends where its content does, and whether all of a list can be seen."""

from playwright.async_api import Page


async def misfits(page: Page) -> list[str]:
    """What sticks out of the page, lies beyond its end, or is cut: one line each, none for a good page."""
    found: list[str] = await page.evaluate(_MISFITS)
    return found


_MISFITS = """() => {
  const root = document.documentElement, found = [], all = (selector) => [...document.querySelectorAll(selector)];
  const right = (one) => one.getBoundingClientRect().right, wide = root.scrollWidth, high = root.scrollHeight;
  const end = Math.ceil(document.querySelector(".q-layout").getBoundingClientRect().bottom + scrollY);
  const beyond = () => all(".q-layout *").filter((one) => right(one) > innerWidth + 1).at(-1)?.outerHTML;
  if (wide > innerWidth) found.push(`the page is ${wide} px wide, its window ${innerWidth}: ${beyond()}`);
  if (high > Math.max(innerHeight, end)) found.push(`the page is ${high} px high, its content ${end}`);
  for (const list of all(".list .scroll").filter((one) => one.scrollWidth > one.clientWidth))
    found.push(`${list.firstChild.ariaLabel}: ${list.scrollWidth} px in ${list.clientWidth}`);
  for (const act of all(".head .acts > *, .bar > *, .foot .btn"))
    if (right(act) > innerWidth || act.scrollWidth > act.clientWidth + 1) found.push(`cut: ${act.innerText}`);
  for (const text of all(".list td .cut").filter((one) => one.title !== one.textContent))
    if (text.scrollWidth > text.clientWidth || text.scrollHeight > text.clientHeight + 2)
      found.push(`cut without a title: ${text.textContent}`);
  return found;
}"""
