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

    One that `has_visitors` can open tabs that share nothing, neither cookies nor connections (`new_visitor`).
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


def new_visitor(browser, url):
    """Open an address in a tab of another visitor, as in a private window, and return the tab's handle."""
    context = browser.browser.create_user_context()
    handle = browser.browsing_context.create("tab", user_context=context)
    browser.browsing_context.navigate(handle, url, wait="none")
    return handle
