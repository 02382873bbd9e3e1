"""The app in Chromium, with an engine that knows the answer: what a visitor sees and does."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.card import Card, save_card
from tests.visualize.app.app_engine import BOX, RAW, SIZE, KnownAnswers, make_asker, write_picture
from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, start
from visualize.app.hosting import served
from visualize.app.page_settings import AppSettings

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.visualize.app.app_browser import (
    boxes,
    errors,
    every,
    one,
    open_page,
    open_tab,
    press,
    requested,
    upload,
    wait,
)  # fmt: skip

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)


@pytest.fixture(scope="module")
def engine():
    return KnownAnswers()


@pytest.fixture(scope="module")
def url(engine):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with served(
        make_asker(engine), AppSettings(port=port, max_megabytes=1), "checkpoints/x", None
    ) as address:
        yield address


@pytest.fixture(scope="module")
def browsers(tmp_path_factory):
    started = {}

    def browser(language):
        if language not in started:
            started[language] = start(tmp_path_factory.mktemp("profile"), language)
        return started[language]

    yield browser
    for each in started.values():
        each.quit()


@pytest.fixture
def opened(browsers, url):
    """Open the page in English; see after the test that nothing went wrong or elsewhere."""
    browser = browsers("en-US")
    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)
    open_page(browser, url)
    yield browser
    keep_screenshot(browser)
    assert errors(browser) == []
    addresses = requested(browser)
    assert addresses
    assert [address for address in addresses if not address.startswith(url)] == []


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return write_picture(tmp_path_factory.mktemp("picture") / "picture.png")


def keep_screenshot(browser):
    if folder := os.environ.get("SCREENSHOTS"):
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[1].split(" ")[0]
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_a_picture_is_given_a_phrase_typed_and_its_box_seen(opened, picture, engine):
    upload(opened, picture)
    open_tab(opened, "A phrase")
    one(opened, "#phrase textarea, #phrase input").send_keys("the red square on the left")
    assert "1 object in" in press(opened, "#ask-phrase")
    assert boxes(opened) == [("red square", list(BOX))]
    assert '"the red square on the left"' in engine.asked[-1][1]
    assert "(100,100),(500,600)" in one(opened, "#raw textarea").get_attribute("value")
    shown = wait(opened, lambda _: every(opened, "#drawn img"))[0]
    wait(opened, lambda _: opened.execute_script("return arguments[0].naturalWidth", shown) == 640)


def test_the_answer_is_verified(opened, picture):
    upload(opened, picture)
    open_tab(opened, "Everything")
    assert not one(opened, "#verify").is_enabled()
    press(opened, "#ask-everything")
    wait(opened, lambda _: one(opened, "#verify").is_enabled())
    one(opened, "#verify").click()
    wait(opened, lambda _: every(opened, "#verified .summary"))
    assert "mean IoU of 1.00" in one(opened, "#verified").text


def drag(browser, corners):
    """Drag from one corner of a box, in the picture's pixels, to the other."""
    image = one(browser, "#picture img")
    rect = image.rect
    scale = min(rect["width"] / SIZE[0], rect["height"] / SIZE[1])
    x1, y1, x2, y2 = (
        round((value - middle) * scale)
        for value, middle in zip(corners, (SIZE[0] / 2, SIZE[1] / 2) * 2, strict=True)
    )
    chain = ActionChains(browser).move_to_element_with_offset(image, x1, y1).click_and_hold()
    chain.move_by_offset((x2 - x1) // 2, (y2 - y1) // 2)
    chain.move_by_offset(x2 - x1 - (x2 - x1) // 2, y2 - y1 - (y2 - y1) // 2).release().perform()


@pytest.mark.parametrize("window", [(1400, 1000), (500, 900)])
def test_a_box_is_drawn_by_dragging_and_goes_to_the_model_lit(opened, picture, engine, window):
    opened.set_window_size(*window)
    upload(opened, picture)
    open_tab(opened, "A box")
    drag(opened, BOX)
    corners = one(opened, "#corners textarea, #corners input")
    assert [float(word) for word in corners.get_attribute("value").split(",")] == pytest.approx(BOX, abs=1)
    mark, image = one(opened, "#mark").rect, one(opened, "#picture img").rect
    scale = min(image["width"] / SIZE[0], image["height"] / SIZE[1])
    assert mark["width"] == pytest.approx(80 * scale, abs=5)
    assert mark["height"] == pytest.approx(50 * scale, abs=5)
    corners.clear()
    corners.send_keys("20, 10, 100, 60")
    assert "with yours: 1.00" in press(opened, "#ask-region")
    seen = np.asarray(engine.pictures[-1])
    assert (seen[30, 50] == (214, 39, 40)).all()
    assert (seen[90, 180] == (45, 45, 45)).all()
    wide = opened.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    keep_screenshot(opened)
    opened.set_window_size(1400, 1000)
    assert wide <= 0


def test_errors_are_sentences_on_the_page(opened, picture, engine):
    open_tab(opened, "Everything")
    assert press(opened, "#ask-everything") == "Choose a picture first."
    upload(opened, picture)
    open_tab(opened, "A box")
    assert press(opened, "#ask-region") == "Drag a box over the picture first."
    open_tab(opened, "A phrase")
    assert press(opened, "#ask-phrase") == "Say what to look for."
    before, engine.text = engine.text, "fail"
    one(opened, "#phrase textarea, #phrase input").send_keys("cup", Keys.ENTER)
    wait(opened, lambda _: "The model failed" in one(opened, "#described").text)
    engine.text = before
    assert "1 object" in press(opened, "#ask-phrase")


def test_a_file_that_is_too_large_is_said_to_be(opened, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    from PIL import Image

    Image.fromarray(noise).save(tmp_path / "large.png")
    one(opened, "#picture input[type=file]").send_keys(str(tmp_path / "large.png"))
    wait(opened, lambda _: "exceeds" in one(opened, "body").text or "large" in one(opened, "body").text)
    opened.get_log("browser")  # the refusal, 413, stands in the console


def test_what_a_model_wrote_is_shown_as_text(opened, picture, engine):
    label = "<b>{{this}}</b> ${document.title = 1} <img src=x onerror=alert(1)>"
    before, engine.text = engine.text, engine.text.replace("red square", label)
    upload(opened, picture)
    open_tab(opened, "Everything")
    assert "1 object" in press(opened, "#ask-everything")
    engine.text = before
    assert boxes(opened) == [(label, list(BOX))]
    assert opened.title != "1"
    assert every(opened, "#described b, #described img") == []


def test_a_chinese_browser_is_spoken_to_in_chinese(browsers, url, picture):
    browser = browsers("zh-CN")
    open_page(browser, url)
    assert one(browser, "#title").text == "视觉定位"
    assert [tab.text for tab in every(browser, "button[role=tab]")] == [
        "所有物体", "一个短语", "一个框", "点击对话",
    ]  # fmt: skip
    open_tab(browser, "所有物体")
    assert press(browser, "#ask-everything") == "请先选择一张图片。"
    upload(browser, picture)
    assert "找到 1 个物体" in press(browser, "#ask-everything")
    assert browser.execute_script("""return document.fonts.check('9px "page 0"', '视')""")
    keep_screenshot(browser)
    assert errors(browser) == []


def test_every_field_has_a_name(opened):
    nameless = """return [...document.querySelectorAll('input, textarea, button')].filter((field) =>
      field.offsetParent && !field.getAttribute('aria-label') && !(field.labels && field.labels.length)
      && !field.textContent.trim() && !field.title && !field.querySelector('img[alt]')
    ).map((field) => field.outerHTML)"""
    for tab in ("Everything", "A phrase", "A box", "Click and talk"):
        open_tab(opened, tab)
        assert opened.execute_script(nameless) == []


def test_several_pictures_are_asked_about_and_drawn_together(opened, picture, engine, tmp_path):
    """The pictures have numbers; what is in the second is said and drawn there; one can be taken away."""
    other = tmp_path / "other.png"
    Image.new("RGB", (120, 160), (20, 60, 120)).save(other)
    upload(opened, picture)
    one(opened, "#more-pictures button").click()
    wait(opened, lambda _: every(opened, "#picture-3 input[type=file]"))
    one(opened, "#picture-3 input[type=file]").send_keys(str(other))
    wait(opened, lambda _: every(opened, "#picture-3 img"))
    open_tab(opened, "Everything")
    assert "Image 2 is empty" in press(opened, "#ask-everything")
    one(opened, "#picture-2 input[type=file]").send_keys(str(other))
    wait(opened, lambda _: every(opened, "#picture-2 img"))
    one(opened, "#picture-3 button[aria-label='Remove Image']").click()
    wait(opened, lambda _: not every(opened, "#picture-3 img"))
    before, engine.text = engine.text, f"Image 1: {RAW}\nImage 2: {RAW}"
    try:
        assert "2 objects in" in press(opened, "#ask-everything")
        assert [image.size for image in engine.pictures[-2:]] == [SIZE, (120, 160)]
        assert engine.asked[-1][1].startswith("<image><image>")
        rows = [row.text.split() for row in every(opened, "#described tbody tr")]
        assert [row[:2] for row in rows] == [["Image", "1"], ["Image", "2"]]
        assert rows[1][-4:] == ["12,", "16,", "60,", "96"]
        shown = wait(opened, lambda _: every(opened, "#drawn img"))[0]
        wait(opened, lambda _: opened.execute_script("return arguments[0].naturalWidth", shown) > 1100)
        wait(opened, lambda _: one(opened, "#verify").is_enabled())
        one(opened, "#verify").click()
        wait(opened, lambda _: every(opened, "#verified .summary"))
        assert "mean IoU of 1.00" in one(opened, "#verified").text
        # A place in the picture of the answer is none of the first picture: conversations do not begin there.
        open_tab(opened, "Click and talk")
        shown = one(opened, "#drawn img")
        opened.execute_script("arguments[0].click()", shown)
        assert one(opened, "#point textarea, #point input").get_attribute("value") == ""
    finally:
        engine.text = before


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en-US", "This model was trained with a detector's boxes"),
        ("zh-CN", "该模型训练时的问题中列有检测器的候选框"),
    ],
)
def test_the_page_says_that_it_asks_without_candidates(browsers, engine, tmp_path, language, says):
    prompts = {"task.en1": "Find all.", "candidates.en1": "Boxes:\n{candidates}"}
    save_card(Card("", prompts, "objects", (), "none", {}, {}), tmp_path)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with served(make_asker(engine, tmp_path), AppSettings(port=port), "checkpoints/x", None) as address:
        browser = browsers(language)
        open_page(browser, address)
        wait(browser, lambda _: says in one(browser, "#without-candidates").text)


def test_the_page_says_nothing_of_candidates_where_nothing_is_known_of_them(browsers, url):
    open_page(browser := browsers("en-US"), url)
    assert every(browser, "#without-candidates") == []
