"""User agents in words: browsers that claim to be others are called by their own name."""

import pytest

from app.values.user_agents import UNKNOWN, describe

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/131.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36 OPR/116.0.0.0", "Opera on macOS"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.1 Safari/605.1.15", "Safari on macOS"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {APPLE} Version/18.1 Mobile/15E148 Safari/604.1",
         "Safari on iPhone"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {APPLE} CriOS/131.0 Mobile/15E148 Safari/604.1",
         "Chrome on iPhone"),
        (f"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) {APPLE} FxiOS/133.0 Mobile/15E148 Safari/605.1.15",
         "Firefox on iPad"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-S9) {CHROME.replace('Chrome', 'SamsungBrowser/27.0 Chrome')} Safari/537",
         "Samsung Internet on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "Chrome on ChromeOS"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME.replace('Chrome', 'HeadlessChrome')} Safari/537.36",
         "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Something/1.0", "Unknown browser on Windows"),
        ("curl/8.9.1", "curl"),
        ("python-httpx/0.28", "python-httpx"),
        ("", UNKNOWN),
        ("/", UNKNOWN),
        ("<script>alert(1)" + "x" * 300, UNKNOWN),
        ("a\nb", UNKNOWN),
    ],
)  # fmt: skip
def test_describe(user_agent: str, words: str) -> None:
    assert describe(user_agent) == words
