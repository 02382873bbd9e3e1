"""The app in Chromium behind a password, its examples, and a page that is closed."""

import time
from pathlib import Path

import pytest

from tests.visualize.app.app_engine import KnownAnswers, make_asker, write_picture
from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, start
from train.launch.command import free_port
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings
from visualize.app.uploads import stored_files
from visualize.app.uploads.stored_files import StoredFiles

pytest.importorskip("selenium", reason="selenium is not installed")

from tests.visualize.app.app_browser import (
    SECONDS,
    errors,
    every,
    one,
    open_page,
    open_tab,
    press,
    upload,
    wait,
)  # fmt: skip

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)
PASSWORD = "correct horse"


@pytest.fixture
def browser(tmp_path):
    started = start(tmp_path / "profile")
    yield started
    started.quit()


def log_in(browser, password):
    for selector, words in (("input[type=text], textarea", "anybody"), ("input[type=password]", password)):
        field = one(browser, selector)
        field.clear()
        field.send_keys(words)
    [button] = [button for button in every(browser, "button") if button.text == "Login"]
    button.click()


def test_the_password_is_asked_for_and_then_the_page_works(browser, tmp_path):
    with served(make_asker(KnownAnswers()), AppSettings(port=free_port()), "m", PASSWORD) as url:
        browser.get(url)
        wait(browser, lambda _: every(browser, "input[type=password]"))
        log_in(browser, "wrong")
        wait(browser, lambda _: "ncorrect" in one(browser, "body").text)
        log_in(browser, PASSWORD)
        wait(browser, lambda _: every(browser, "#picture input[type=file]"))
        upload(browser, write_picture(tmp_path / "picture.png"))
        open_tab(browser, "Everything")
        assert "1 object" in press(browser, "#ask-everything")


def test_an_example_is_asked_about(browser):
    with served(make_asker(KnownAnswers()), AppSettings(port=free_port()), "m", None) as url:
        open_page(browser, url)
        browser.get_log("browser")
        wait(browser, lambda _: every(browser, ".gallery-item, .gallery button"))[0].click()
        wait(browser, lambda _: every(browser, "#picture img"))
        open_tab(browser, "Everything")
        assert "1 object" in press(browser, "#ask-everything")
        assert errors(browser) == []


def test_a_page_that_is_closed_takes_its_pictures_along(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_files, "GRACE_SECONDS", 0.0)
    kept = []
    end_upload = StoredFiles.end_upload

    def noted(files, folder, path):
        kept.append(path)
        end_upload(files, folder, path)

    monkeypatch.setattr(StoredFiles, "end_upload", noted)
    with served(make_asker(KnownAnswers()), AppSettings(port=free_port()), "m", None) as url:
        open_page(browser, url)
        upload(browser, write_picture(tmp_path / "picture.png"))  # and never asked about
        [path] = kept
        assert Path(path).exists()
        browser.get("about:blank")
        ends = time.monotonic() + SECONDS
        while Path(path).exists():
            assert time.monotonic() < ends
            time.sleep(0.05)
