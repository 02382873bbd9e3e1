"""The page in Chromium, opened from disk: Debian's chromium and chromium-driver, and selenium."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.visualize.chromium import CHROMIUM, DRIVER, MISSING, start
from tests.visualize.samples import prediction, write_dataset, write_run, write_several
from visualize.__main__ import main

pytest.importorskip("selenium", reason="selenium is not installed")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

HOSTILE = "<img src=x onerror=alert(1)>"
IMAGES = 60


def found(*items):
    return [{"label": label, "box": box, "score": score} for label, box, score in items]


def rows():
    """Right, loose, wrongly named (and described), invented and missed, unreadable: ten of each."""
    right = ("方块", [8, 8, 28, 28], 0.9)
    answers = [
        {"detections": found(right)},
        {"detections": found(("方块", [8, 8, 28, 22], None)), "raw": "loose </pre><script>alert(2)</script>"},
        {"detections": [{**found(("circle", [8, 8, 28, 28], 0.5))[0], "description": f"a {HOSTILE} circle"}]},
        {"detections": found(right, (HOSTILE, [40, 20, 60, 44], 0.1))},
        {"detections": []},
        {"detections": [], "raw": "I cannot see.", "problems": ["no box in the answer"]},
    ]
    return [prediction(number, **answers[number % 6]) for number in range(IMAGES)]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_dataset(folder / "data", range(IMAGES))
    write_run(folder / "before", folder / "data", [prediction(n, detections=[]) for n in range(IMAGES)])
    write_run(folder / "after", folder / "data", rows())
    row = {"images": 60, "objects": 60, "AP": 0.5, "intervals": {}}
    scores = {"AP": 0.5, "images": 60, "by_kind": {"objects an image": {"1": row, HOSTILE: row}}}
    (folder / "after" / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    assert main(["page", f"before={folder / 'before'}", f"after={folder / 'after'}"]) == 0
    shutil.rmtree(folder / "data")  # the page stands on its own
    return folder / "after" / "page" / "index.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, page):
    """Open the page, and see after the test that nothing was written to the console."""
    browser.get(page.as_uri())
    yield browser
    assert browser.get_log("browser") == []
    if folder := os.environ.get("SCREENSHOTS"):
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[1].split(" ")[0]
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def every(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def status_becomes(browser, text):
    WebDriverWait(browser, 5).until(lambda _: one(browser, "#status").text == text)


def kind(browser, name):
    [label] = [label for label in every(browser, "#kinds label") if label.text.startswith(name)]
    return label


def names(browser):
    return [heading.text for heading in every(browser, ".card h3")]


def test_scores_then_images_with_boxes(opened):
    assert [cell.text for cell in every(opened, "#scores tbody tr:first-child td")][:2] == ["-", "50.0%"]
    assert one(opened, "#status").text == "60 images"
    assert len(every(opened, ".card")) == 24
    captions = [item.text for item in every(opened, ".card:first-child figcaption strong")]
    assert captions == ["truth", "before", "after"]
    WebDriverWait(opened, 5).until(
        lambda _: opened.execute_script("return document.querySelector('.stage img').naturalWidth") == 64
    )
    stage, box = one(opened, ".stage").rect, one(opened, ".stage rect.side").rect
    scale = stage["width"] / 64
    assert box["x"] - stage["x"] == pytest.approx(8 * scale, abs=3)
    assert box["width"] == pytest.approx(20 * scale, abs=6)


def test_scores_by_kind_are_a_table_that_opens(opened):
    assert not one(opened, "#by-kind table").is_displayed()
    one(opened, "#by-kind summary").click()
    assert one(opened, "#by-kind table").is_displayed()
    heads = [cell.text for cell in every(opened, "#by-kind thead th")]
    assert heads == ["objects an image", "images", "objects", "AP before", "AP after"]
    assert [cell.text for cell in every(opened, "#by-kind tbody th")] == ["1", HOSTILE]
    assert [cell.text for cell in every(opened, "#by-kind tbody tr:first-child td")] == [
        "60",
        "60",
        "-",
        "50.0%",
    ]


def test_images_are_loaded_when_they_come_into_view(opened):
    Select(one(opened, "#per-page")).select_by_visible_text("96")
    assert len(every(opened, ".card")) == IMAGES
    assert {image.get_attribute("loading") for image in every(opened, ".stage img")} == {"lazy"}
    last = "return [...document.querySelectorAll('.stage img')].pop().complete"
    assert not opened.execute_script(last)
    opened.execute_script("[...document.querySelectorAll('.stage img')].pop().scrollIntoView()")
    WebDriverWait(opened, 5).until(lambda _: opened.execute_script(last))


@pytest.mark.parametrize(
    ("name", "count"),
    [("true positive", 30), ("wrong label", 10), ("false positive", 10), ("missed", 20), ("unreadable", 10)],
)
def test_images_are_filtered_by_kind_of_error(opened, name, count):
    assert kind(opened, name).text.split()[-1] == str(count)
    kind(opened, name).click()
    status_becomes(opened, f"{count} of 60 images")
    one(opened, "button[type=reset]").click()
    status_becomes(opened, "60 images")


def test_the_category_is_that_of_the_error(opened):
    Select(one(opened, "#category")).select_by_visible_text("circle")
    status_becomes(opened, "10 of 60 images")
    kind(opened, "missed").click()
    status_becomes(opened, "0 of 60 images")
    assert "clear a filter" in one(opened, ".empty").text


def test_images_are_filtered_by_iou_number_of_objects_words_and_run(opened):
    one(opened, "#iou-to").send_keys("0.8")
    one(opened, "#iou-from").send_keys("0.6")
    status_becomes(opened, "10 of 60 images")
    Select(one(opened, "#run")).select_by_visible_text("before")
    status_becomes(opened, "0 of 60 images")
    one(opened, "button[type=reset]").click()
    one(opened, "#objects-from").send_keys("2")
    status_becomes(opened, "0 of 60 images")
    one(opened, "#objects-from").send_keys(Keys.BACKSPACE, "1")
    status_becomes(opened, "60 images")
    one(opened, "#search").send_keys("cannot SEE")
    status_becomes(opened, "10 of 60 images")


def test_images_are_sorted(opened):
    sort = Select(one(opened, "#sort"))
    sort.select_by_visible_text("IoU, worst first")
    shown = [float(item.text.split()[-1]) for item in every(opened, ".card header span")]
    assert shown == sorted(shown)
    assert shown[0] == 0
    sort.select_by_visible_text("IoU against before, gained most first")
    assert [name.split("/")[1] for name in names(opened)[:3]] == ["0.png", "6.png", "12.png"]
    sort.select_by_visible_text("data set")
    assert names(opened)[0] == "images/0.png"


def test_pages_are_turned_by_button_number_and_key(opened):
    one(opened, ".status [data-step='1']").click()
    assert names(opened)[0] == "images/24.png"
    one(opened, "body").send_keys(Keys.ARROW_RIGHT)
    assert (names(opened)[0], len(names(opened))) == ("images/48.png", 12)
    assert not one(opened, ".status [data-step='1']").is_enabled()
    one(opened, "body").send_keys(Keys.ARROW_LEFT)
    assert names(opened)[0] == "images/24.png"
    field = one(opened, ".status .page-number")
    field.clear()
    field.send_keys("9", Keys.ENTER)
    assert names(opened)[0] == "images/48.png"


def test_the_overlay_shows_truth_and_prediction_on_one_image(opened):
    one(opened, "body").send_keys("v")
    captions = [item.text for item in every(opened, ".card:first-child figcaption strong")]
    assert captions == ["before", "after"]
    card = every(opened, ".card")[0]

    def visible(layer):
        return [item for item in card.find_elements(By.CSS_SELECTOR, f".side.{layer}") if item.is_displayed()]

    assert (len(visible("of-truth")), len(visible("of-found"))) == (3, 1)
    one(opened, "body").send_keys("t")
    assert (len(visible("of-truth")), len(visible("of-found"))) == (0, 1)
    one(opened, "body").send_keys("tp")
    assert (len(visible("of-truth")), len(visible("of-found"))) == (3, 0)
    Select(one(opened, "#paint")).select_by_visible_text("label")
    assert len(every(opened, ".card")) == 24


def test_what_a_model_wrote_is_shown_as_text(opened):
    tags = [tag.get_attribute("textContent") for tag in every(opened, ".tag")]
    assert f"{HOSTILE} 0.10" in tags
    assert "loose </pre><script>alert(2)</script>" in [item.text for item in every(opened, "pre")]
    assert "no box in the answer" in [item.text for item in every(opened, ".problems li")]
    assert [item.text for item in every(opened, ".card:nth-child(3) .descriptions dd")] == [
        f"a {HOSTILE} circle"
    ]
    assert [item.text for item in every(opened, ".card:nth-child(3) .descriptions dt")] == ["circle"]
    assert every(opened, ".card:nth-child(1) .descriptions") == []
    assert every(opened, ".tag img, pre script, .descriptions img") == []
    assert HOSTILE in [option.text for option in every(opened, "#category option")]


def test_names_of_files_and_runs_are_shown_as_text(browser, dataset, tmp_path):
    name = f"images/{HOSTILE}.png"
    (dataset / "images" / "3.png").rename(dataset / name)
    path = dataset / "annotations_val.json"
    path.write_text(path.read_text(encoding="utf-8").replace("images/3.png", name), encoding="utf-8")
    write_run(tmp_path / "run", dataset, [prediction(3, image=name, question="<b>Where?</b>"), prediction(7)])
    assert main(["page", f"<u>after</u>={tmp_path / 'run'}"]) == 0
    browser.get((tmp_path / "run" / "page" / "index.html").as_uri())
    WebDriverWait(browser, 5).until(lambda _: len(names(browser)) == 2)
    assert name in names(browser)
    assert "<u>after</u>" in one(browser, ".run-bar strong").text
    assert "<b>Where?</b>" in [item.text for item in every(browser, ".card header p")]
    one(browser, ".stage").click()
    assert one(browser, "#zoom-name").text.startswith("images/")
    assert every(browser, "[onerror], main u, main b") == []
    assert browser.get_log("browser") == []


def test_chinese_letters_come_with_the_page(opened):
    """The browser's own fonts are not used: two letters that it lacks would look the same."""
    differ = """const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      pen.font = '40px "page 0"';
      const drawn = (letter) => {
        pen.clearRect(0, 0, 99, 99);
        pen.fillText(letter, 0, 60);
        return pen.getImageData(0, 0, 99, 99).data.join();
      };
      return drawn('方') !== drawn('块');"""
    loaded = """return document.fonts.check('9px "page 0"', '方')"""
    WebDriverWait(opened, 5).until(lambda _: opened.execute_script(loaded))
    assert opened.execute_script(differ)


def test_the_question_is_shown_where_questions_differ(opened):
    assert every(opened, ".card header p") == []
    opened.execute_script("DATA.images[0].question = 'the <b>red</b> cup'; start()")
    assert one(opened, ".card header p").text == "the <b>red</b> cup"


def test_labels_stay_inside_their_image_and_apart(opened):
    outside = """return [...document.querySelectorAll('.stage')].filter((stage) => {
      const frame = stage.getBoundingClientRect();
      return [...stage.querySelectorAll('.tag')].some((tag) => {
        const place = tag.getBoundingClientRect();
        return place.left < frame.left - 1 || place.right > frame.right + 1
          || place.top < frame.top - 1 || place.bottom > frame.bottom + 1;
      });
    }).length"""
    assert len(every(opened, ".tag")) > 60
    assert opened.execute_script(outside) == 0
    opened.set_window_size(420, 900)
    WebDriverWait(opened, 5).until(lambda _: opened.execute_script(outside) == 0)
    wide = opened.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    opened.set_window_size(1400, 1000)
    assert wide <= 0


def test_an_image_is_enlarged_by_keyboard_and_closed(opened):
    stage = one(opened, ".stage")
    opened.execute_script("arguments[0].focus()", stage)
    stage.send_keys(Keys.ENTER)
    dialog = one(opened, "#zoom")
    assert dialog.is_displayed()
    one(opened, "body").send_keys(Keys.ARROW_RIGHT)
    assert one(opened, "#zoom-name").text == "images/1.png (2 of 60)"
    one(opened, "body").send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()


def test_every_field_has_a_name(opened):
    nameless = """return [...document.querySelectorAll('input, select, button')].filter((field) =>
      !field.getAttribute('aria-label') && !(field.labels && field.labels.length) && !field.textContent.trim()
    ).map((field) => field.outerHTML)"""
    assert opened.execute_script(nameless) == []


def test_words_stand_under_the_picture_that_they_are_about(browser, tmp_path):
    mark = {"box": [125, 250, 500, 750], "show": "blur", "label": "方块", "phrases": ["the square", HOSTILE]}
    stated = mark | {"show": "text", "label": None, "phrases": ["it"], "image": "images/1.png"}
    words = {"detections": [], "image": "images/1.png", "question": "What is it?"}
    write_dataset(tmp_path / "data", range(3))
    rows = [prediction(number) for number in range(3)]
    rows.append(prediction(100, **words, raw=HOSTILE, region=mark))
    rows.append(prediction(101, **words, raw="it", region=stated))
    rows.append(prediction(102, **words, raw="one", region=stated))
    write_run(tmp_path / "run", tmp_path / "data", rows)
    assert main(["page", str(tmp_path / "run")]) == 0
    browser.get((tmp_path / "run" / "page" / "index.html").as_uri())
    status_becomes(browser, "6 images")
    drawn, text, other = every(browser, ".card")[3:]
    chips = [[each.text for each in card.find_elements(By.CSS_SELECTOR, ".count")] for card in (text, other)]
    assert chips == [["right"], ["no true text"]]
    assert "1 of 3 descriptions right" in one(browser, "#bars").text
    assert "asks for words" in drawn.text
    assert "What is it?" in drawn.text
    texts = [each.text for each in drawn.find_elements(By.CSS_SELECTOR, "pre")]
    assert texts == [f"the square\n{HOSTILE}", HOSTILE]
    assert drawn.find_elements(By.CSS_SELECTOR, ".stage rect.side") == []
    assert [each.text for each in text.find_elements(By.CSS_SELECTOR, "pre")] == ["it", "it"]
    assert len(text.find_elements(By.CSS_SELECTOR, ".stage rect.side")) == 2
    Select(one(browser, "#sort")).select_by_value("iou-up")
    WebDriverWait(browser, 5).until(lambda _: len(names(browser)) == 6)
    endings = [name.partition(", shown as ")[2] for name in names(browser)]
    assert endings == ["", "", "", "blur", "text", "text"]
    one(browser, "#iou-from").send_keys("0.5")
    status_becomes(browser, "3 of 6 images")
    one(browser, "#filters button[type=reset]").click()
    status_becomes(browser, "6 images")
    one(browser, "#search").send_keys("the square")
    status_becomes(browser, "1 of 6 images")
    one(browser, ".card .stage").click()
    WebDriverWait(browser, 5).until(lambda _: HOSTILE in one(browser, "#zoom-body").text)
    assert browser.get_log("browser") == []


def test_the_pictures_of_a_question_stand_side_by_side(browser, tmp_path):
    _, run = write_several(tmp_path)
    assert main(["page", str(run)]) == 0
    browser.get((run / "page" / "index.html").as_uri())
    status_becomes(browser, "3 questions")
    first = every(browser, ".card")[0]
    captions = [item.text for item in first.find_elements(By.CSS_SELECTOR, ".pictures p strong")]
    assert captions == ["Image 1", "Image 2"] * 2
    truth, answer = first.find_elements(By.CSS_SELECTOR, ".pictures")
    left, right = (stage.rect for stage in answer.find_elements(By.CSS_SELECTOR, ".stage"))
    assert (left["y"], left["width"]) == (right["y"], right["width"])
    assert right["x"] >= left["x"] + left["width"]
    assert [len(each.find_elements(By.CSS_SELECTOR, "rect.side")) for each in (truth, answer)] == [2, 4]
    assert len(first.find_elements(By.CSS_SELECTOR, ".answer pre")) == 1  # one answer about both
    kind(browser, "missed").click()
    status_becomes(browser, "1 of 3 questions")
    one(browser, ".stage").click()
    assert len(every(browser, "#zoom .pictures .stage")) == 4
    assert one(browser, "#zoom-name").text == "images/7.png, images/3.png (1 of 1)"
    assert browser.get_log("browser") == []


def test_candidates_lie_under_the_answers_and_can_be_hidden(browser, tmp_path):
    write_dataset(tmp_path / "data", [3, 7])
    listed = {"ask": "{candidates}", "boxes": [[100, 100, 500, 700], [500, 500, 900, 900]]}
    views = {"regions": [[0, 0, 500, 500]], "text": "<image>" * 2}
    write_run(
        tmp_path / "run", tmp_path / "data", [prediction(3, candidates=listed, views=views), prediction(7)]
    )
    assert main(["page", str(tmp_path / "run")]) == 0
    browser.get((tmp_path / "run" / "page" / "index.html").as_uri())
    card = every(browser, ".card")[0]
    assert "1 view · 1 object" in card.text
    for stage in card.find_elements(By.CSS_SELECTOR, ".stage"):
        layers = [item.get_attribute("class") for item in stage.find_elements(By.CSS_SELECTOR, ".side")]
        assert ["of-candidates" in names for names in layers] == [True, True, False]
    numbers = card.find_elements(By.CSS_SELECTOR, ".tag.of-candidates")
    assert [tag.text for tag in numbers] == ["#1", "#2"] * 2
    one(browser, "#show-candidates + span").click()
    assert not any(tag.is_displayed() for tag in numbers)
    one(browser, "body").send_keys("c")
    assert all(tag.is_displayed() for tag in numbers)
    assert browser.get_log("browser") == []


def test_a_page_without_candidates_has_no_button_for_them(opened):
    assert not one(opened, ".segments .if-candidates").is_displayed()
