"""Click and talk in Chromium: clicks on both pictures, masks, descriptions and their checks, and turns."""

import io
import os
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infer.engines.segment.segmenter import mask_iou
from tests.visualize.app.app_engine import SIZE, make_asker
from tests.visualize.app.talk.shapes_engine import KnownShapes, mask_of, write_shapes
from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, new_visitors, start
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

RED, BLUE = (60, 30), (150, 60)
VISITORS = 4


def click(browser, place, key=None, on="#picture"):
    """Click on a pixel of the visitor's picture, where one of the pictures on the page shows it."""
    image = one(browser, f"{on} img")
    rect = image.rect
    scale = min(rect["width"] / SIZE[0], rect["height"] / SIZE[1])
    offsets = [(value - length / 2) * scale for value, length in zip(place, SIZE, strict=True)]
    actions = ActionChains(browser)
    if key is not None:
        actions.key_down(key)
    actions.move_to_element_with_offset(image, *offsets).click()
    if key is not None:
        actions.key_up(key)
    actions.perform()


def text(browser):
    return one(browser, "#described").text


def say(browser, message):
    one(browser, "#message textarea, #message input").send_keys(message, Keys.ENTER)


def undo(browser, *words):
    """Undo a click, and wait until the page says these words."""
    one(browser, "#talk-undo").click()
    wait_for(browser, *words)


def wait_for(browser, *words):
    wait(browser, lambda _: all(word in text(browser) for word in words))


def lit(browser):
    """Return the mask of what the page's picture leaves bright, in the pixels of the visitor's picture."""
    address = wait(browser, lambda _: every(browser, "#drawn img"))[0].get_attribute("src")
    with urllib.request.urlopen(address) as file:
        shown = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB").resize(SIZE))
    return shown.max(axis=2) > 150


def keep_screenshot(browser, name):
    if folder := os.environ.get("SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="module")
def engine():
    return KnownShapes()


@pytest.fixture(scope="module")
def url(engine):
    with served(make_asker(engine), AppSettings(port=free_port(), concurrent=2), "m", None) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = start(tmp_path_factory.mktemp("profile"), has_visitors=True)
    yield started
    started.quit()


def begin(browser, url, picture):
    open_page(browser, url)
    upload(browser, picture)
    open_tab(browser, "Click and talk")


def test_objects_are_clicked_on_described_and_talked_about(browser, url, engine, tmp_path):
    begin(browser, url, write_shapes(tmp_path / "picture.png"))
    engine.go.clear()
    click(browser, RED)
    wait(browser, lambda _: text(browser).startswith("I see"))
    keep_screenshot(browser, "talk_written")
    assert "square" not in text(browser)  # it is shown as it is written
    engine.go.set()
    wait_for(browser, "I see a red square of 214", "IoU 1.00")
    assert mask_iou(lit(browser), mask_of("red square")) >= 0.8
    say(browser, "Where is the blue square?")  # another object, by words
    wait_for(browser, "blue square (130, 40, 180, 90)", "Where is the blue square?")
    keep_screenshot(browser, "talk_turn")
    assert one(browser, "#message textarea, #message input").get_attribute("value") == ""

    click(browser, BLUE, on="#drawn")  # by a click, on the picture of the answer
    wait_for(browser, "I see a blue square of 31", "IoU 1.00")
    typed = one(browser, "#point textarea, #point input").get_attribute("value")
    assert np.allclose([int(value) for value in typed.split(",")], BLUE, atol=1)
    assert "Where is" not in text(browser)
    assert mask_iou(lit(browser), mask_of("blue square")) >= 0.8
    both = "red square of 214 and a blue square of 31"
    click(browser, RED, Keys.SHIFT, on="#drawn")
    wait_for(browser, both, "Described once more", "lead")
    assert mask_iou(lit(browser), mask_of("red square", "blue square")) >= 0.8
    keep_screenshot(browser, "talk_second_try")
    undo(browser, "I see a blue square of 31")
    one(browser, "#talk-add").click()  # without a keyboard: the next click adds
    assert one(browser, "#talk-add").get_attribute("aria-pressed") == "true"
    click(browser, RED)
    wait_for(browser, both, "Described once more")
    assert one(browser, "#talk-add").get_attribute("aria-pressed") == "false"
    click(browser, RED, Keys.ALT)  # and the blue one alone again
    wait_for(browser, "I see a blue square of 31", "IoU 1.00")
    assert mask_iou(lit(browser), mask_of("blue square")) >= 0.8

    for words in (both, "I see a blue square of 31", "Where is the blue square?"):
        undo(browser, words)
    assert mask_iou(lit(browser), mask_of("red square")) >= 0.8
    undo(browser, "Nothing is chosen")
    assert not every(browser, "#talk-save")  # nobody named a folder to save in
    assert errors(browser) == []
    assert [address for address in requested(browser) if not address.startswith(url)] == []


def test_a_click_on_an_answer_about_another_picture_means_nothing(browser, url, engine, tmp_path):
    begin(browser, url, write_shapes(tmp_path / "picture.png"))
    click(browser, RED)
    wait_for(browser, "IoU 1.00")
    asked = len(engine.asked)
    one(browser, "#picture button[aria-label='Remove Image'], #picture button[aria-label='Clear']").click()
    upload(browser, write_shapes(tmp_path / "other.png", red=150))
    click(browser, BLUE, on="#drawn")
    click(browser, RED)
    wait_for(browser, "red square of 150", "IoU 1.00")
    assert len(engine.asked) == asked + 2


def test_visitors_at_once_see_their_own_pictures_alone(browser, url, engine, tmp_path):
    engine.go.clear()
    reds = [150 + 10 * number for number in range(VISITORS)]
    handles = new_visitors(browser, url, VISITORS)
    for red, handle in zip(reds, handles, strict=True):
        browser.switch_to.window(handle)
        wait(browser, lambda _: every(browser, "#picture input[type=file]"))
        upload(browser, write_shapes(tmp_path / f"{red}.png", red))
        open_tab(browser, "Click and talk")
        if handle == handles[-1]:
            engine.go.set()
        click(browser, RED)  # the answers wait until the last visitor has asked
    for red, handle in zip(reds, handles, strict=True):
        browser.switch_to.window(handle)
        wait_for(browser, f"red square of {red}", "IoU 1.00")
        others = [str(other) for other in reds if other != red]
        assert [other for other in others if other in text(browser)] == []
        address = one(browser, "#drawn img").get_attribute("src")
        with urllib.request.urlopen(address) as file:
            assert Image.open(io.BytesIO(file.read())).convert("RGB").getpixel((100, 60))[0] == red
        assert errors(browser) == []
