"""What a visitor does on the app's page, for tests in Chromium."""

import json

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 60


def wait(browser, condition):
    return WebDriverWait(browser, SECONDS).until(condition)


def every(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def open_page(browser, url):
    browser.get(url)
    wait(browser, lambda _: every(browser, "#picture input[type=file]"))


def upload(browser, path):
    one(browser, "#picture input[type=file]").send_keys(str(path))
    wait(
        browser,
        lambda _: browser.execute_script("return document.querySelector('#picture img')?.naturalWidth"),
    )


def open_tab(browser, text):
    [tab] = [tab for tab in every(browser, "button[role=tab]") if tab.text == text]
    tab.click()


def press(browser, selector):
    """Press a button that can be pressed, and wait for what it says in `#described`."""
    browser.execute_script("document.querySelector('#described .summary, #described .error')?.remove()")
    wait(browser, lambda _: one(browser, selector).is_enabled() and one(browser, selector).is_displayed())
    one(browser, selector).click()
    wait(browser, lambda _: every(browser, "#described .summary, #described .error"))
    return one(browser, "#described").text


def boxes(browser):
    """Return label and box of every row of the answer's table."""
    rows = [
        [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
        for row in every(browser, "#described tbody tr")
    ]
    return [(row[0], [float(value) for value in row[-1].split(",")]) for row in rows]


def requested(browser):
    """Return the addresses of everything that the page's tab asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    addresses = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [address for address in addresses if address.startswith(("http:", "https:", "ws:", "wss:"))]


def errors(browser):
    """Return what the console holds of errors."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
