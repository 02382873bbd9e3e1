"""Click and talk in Chromium: a click on the picture, its mask, the description and its check, and a turn."""

import io
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infer.engines.segment.segmenter import mask_iou
from tests.visualize.app.app_engine import BOX, SIZE, make_asker, write_picture
from tests.visualize.app.talk.talk_engine import NamingColours
from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, start
from train.launch.command import free_port
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.visualize.app.app_browser import (
    errors,
    every,
    one,
    open_page,
    open_tab,
    requested,
    upload,
    wait,
)  # fmt: skip

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)


def click(browser, x, y):
    """Click on a pixel of the visitor's picture."""
    image = one(browser, "#picture img")
    rect = image.rect
    scale = min(rect["width"] / SIZE[0], rect["height"] / SIZE[1])
    actions = ActionChains(browser)
    actions.move_to_element_with_offset(image, (x - SIZE[0] / 2) * scale, (y - SIZE[1] / 2) * scale).click()
    actions.perform()


def text(browser):
    return one(browser, "#described").text


def lit(browser):
    """Return the mask of what the page's picture leaves bright, in the pixels of the visitor's picture."""
    address = wait(browser, lambda _: every(browser, "#drawn img"))[0].get_attribute("src")
    with urllib.request.urlopen(address) as file:
        shown = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB").resize(SIZE))
    return shown[:, :, 0] > 120


def keep_screenshot(browser):
    if folder := os.environ.get("SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / "click_and_talk.png"))


@pytest.fixture(scope="module")
def engine():
    return NamingColours("red square")


def test_an_object_is_clicked_on_described_and_talked_about(engine, tmp_path):
    truth = np.zeros((SIZE[1], SIZE[0]), dtype=np.bool_)
    x1, y1, x2, y2 = map(int, BOX)
    truth[y1:y2, x1:x2] = True
    picture = write_picture(tmp_path / "picture.png")
    with served(make_asker(engine), AppSettings(port=free_port()), "m", None) as url:
        browser = start(tmp_path / "profile", "en-US")
        try:
            open_page(browser, url)
            upload(browser, picture)
            open_tab(browser, "Click and talk")
            click(browser, 60, 30)
            wait(browser, lambda _: "IoU 1.00" in text(browser))
            assert "thing of 214" in text(browser)
            typed = one(browser, "#point textarea, #point input").get_attribute("value")
            assert np.allclose([int(value) for value in typed.split(",")], (60, 30), atol=1)
            assert mask_iou(lit(browser), truth) >= 0.8
            one(browser, "#message textarea, #message input").send_keys("Where is it?", Keys.ENTER)
            wait(browser, lambda _: "red square (20, 10, 100, 60)" in text(browser))
            keep_screenshot(browser)
            one(browser, "#talk-undo").click()
            wait(browser, lambda _: "Nothing is chosen" in text(browser))
            assert not every(browser, "#talk-save")  # nobody named a folder to save in
            assert errors(browser) == []
            assert [address for address in requested(browser) if not address.startswith(url)] == []
        finally:
            browser.quit()
