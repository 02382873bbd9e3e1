"""Debian's chromium and chromium-driver for tests, without anything of its own to fetch."""

import shutil
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
MISSING = "no chromium and chromedriver: apt-get install chromium chromium-driver"

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1400,1000",
)  # fmt: skip


def start(profile: Path, language: str = "en-US", *, has_visitors: bool = False):
    """Start a browser that speaks a language, and notes the console and every request.

    One that `has_visitors` can open tabs of other visitors (`new_visitors`).
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--lang={language}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("webSocketUrl", has_visitors)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def new_visitors(browser, url, count):
    """Open an address in so many tabs, as in private windows, and return their handles.

    A window has three tabs, which share a cache: a browser opens six connections to an address in each, and
    Gradio holds one or two of them for every page.
    """
    handles = []
    for number in range(count):
        if number % 3 == 0:
            context = browser.browser.create_user_context()
        handle = browser.browsing_context.create("tab", user_context=context)
        browser.browsing_context.navigate(handle, url, wait="none")
        handles.append(handle)
    return handles
