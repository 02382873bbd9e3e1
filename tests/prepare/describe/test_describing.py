"""The whole step against a server: what is kept, counted, written, resumed and read by prepare."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.recipe.loading import load_recipe
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import find_regions, first_regions
from prepare.describe.describing import describe_dataset
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from tests.prepare.describe.conftest import ROOT
from tests.prepare.describe.fake_teacher import CHINESE, FakeTeacher, SeenRegion, name_region

Make = Callable[..., DescribeSettings]


def rows_of(made: DescribeSettings) -> list[dict[str, Any]]:
    path = Path(made.output_dir) / "descriptions.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def facts_of(made: DescribeSettings) -> dict[str, Any]:
    content = (Path(made.output_dir) / "described.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(content)
    return facts


def test_every_region_is_described_and_grounded(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    made = settings()
    regions = find_regions(shapes, made).count
    assert regions > 10
    report = describe_dataset(shapes, made)
    rows = rows_of(made)
    assert len(rows) == regions
    # Two samples each, and both are grounded: they differ.
    assert len(teacher.asked) == regions * 4
    assert f"{regions} of {regions} regions are described; {regions * 4} requests" in report
    assert f"{regions * 4 * 107:,} tokens" in report
    for row in rows:
        assert row["category"] in row["expression"]
        assert "of the picture" not in row["expression"]  # of equal overlaps, the shortest is kept
        assert row["teacher"]["iou"] > 0.9
        assert (row["teacher"]["model"], row["teacher"]["seed"]) == ("teacher", 0)
    assert facts_of(made)["descriptions"] == {
        "kept": regions,
        "dropped": {"good, but the region has enough better ones": regions},
    }
    assert facts_of(made)["spent"] == {"requests": regions * 4, "tokens": regions * 4 * 107}


def test_prepare_reads_what_was_written(
    teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path
) -> None:
    made = settings(keep=2)
    describe_dataset(shapes, made)
    recipe = ROOT / "recipes/prepare/described.yaml"
    words = [f"source.path={made.output_dir}", f"output_dir={tmp_path / 'phrases'}", "val_ratio=0"]
    card = prepare_dataset(load_recipe(PrepareRecipe, recipe, words))
    rows = rows_of(made)
    assert card.counts["train"]["records"] == len(rows)
    assert card.counts["train"]["boxes"] == len(rows)
    assert card.dropped == {}
    assert {category.name for category in card.categories} <= set(CHINESE)


def test_a_data_set_of_expressions_has_regions_without_labels(
    teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path
) -> None:
    made = settings(limit=4, samples=1)
    describe_dataset(shapes, made)
    recipe = ROOT / "recipes/prepare/described.yaml"
    words = [f"source.path={made.output_dir}", f"output_dir={tmp_path / 'phrases'}", "val_ratio=0"]
    prepare_dataset(load_recipe(PrepareRecipe, recipe, words))
    asked: list[str] = []

    def look(picture: Path, question: str, seed: int) -> SeenRegion:
        del picture
        asked.append(question)
        return SeenRegion("thing", "en", False, False, seed)

    teacher.look = look  # type: ignore[method-assign]
    again = settings(samples=1, cycle_enabled=False, output_dir=str(tmp_path / "again"))
    describe_dataset(tmp_path / "phrases", again)
    assert len(asked) == 4
    assert not any("labelled" in question or "{label}" in question for question in asked)
    assert all("category" not in row for row in rows_of(again))


def test_a_second_start_asks_nothing_and_writes_the_same(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    made = settings()
    first = describe_dataset(shapes, made)
    before = {path.name: path.read_bytes() for path in Path(made.output_dir).rglob("*") if path.is_file()}
    asked = len(teacher.asked)
    assert describe_dataset(shapes, made) == first
    assert len(teacher.asked) == asked
    assert before == {
        path.name: path.read_bytes() for path in Path(made.output_dir).rglob("*") if path.is_file()
    }


def test_limit_stops_to_look_and_the_next_start_goes_on(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    regions = find_regions(shapes, settings()).count
    report = describe_dataset(shapes, settings(limit=5))
    assert f"stopped at limit=5, {regions - 5} regions are left: look at" in report
    assert "samples.html" in report
    assert len(teacher.asked) == 5 * 4
    describe_dataset(shapes, settings())
    assert len(teacher.asked) == regions * 4
    assert max(teacher.questions.values()) == 1


def test_another_threshold_asks_nothing_and_more_samples_ask_for_these_alone(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    regions = find_regions(shapes, settings()).count
    describe_dataset(shapes, settings())
    describe_dataset(shapes, settings(cycle_iou=0.99))
    assert len(teacher.asked) == regions * 4
    describe_dataset(shapes, settings(samples=3))
    assert len(teacher.asked) == regions * 6


def scripted(texts: dict[int, str]) -> Callable[[SeenRegion], str]:
    return lambda seen: texts.get(seen.sample, "{}").replace(
        "{}", name_region(SeenRegion(**{**vars(seen), "sample": 0}))
    )


def test_each_description_has_one_verdict(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    texts = {
        0: "{}",
        1: "{} at (120, 340)",
        2: "I'm sorry, but I cannot identify the object.",
        3: "**{}**",
        4: "the thing in the corner",
        5: "{}",
        6: "some red square, green circle, blue triangle or yellow diamond",
        7: "",
        8: "{} inside the white outline",
        9: "square",
        10: "{} " + "and more " * 20,
        11: "图片里的{}",
    }
    teacher.describe = scripted(texts)
    made = settings(samples=len(texts), limit=7)
    images = first_regions(find_regions(shapes, made).images, made.limit)
    describe_dataset(shapes, made)
    alone = sum(len(image.regions) == 1 for image in images)
    dropped = facts_of(made)["descriptions"]["dropped"]
    ambiguous = "same as a description of another region of the image"
    assert dropped.pop(ambiguous) == 7 - alone
    # Where it is the only object of its image, that text is grounded: it names one box there.
    assert dropped.pop("good, but the region has enough better ones", 0) == alone
    assert dropped == {
        "coordinates": 7,
        "refusal": 7,
        "markup or several lines": 7,
        "does not name its object": 7,
        "same as another description of the region": 7,
        "empty": 7,
        "speaks of the marking of the region": 7,
        "too short": 7,
        "too long": 7,
        "in another language": 7,
    }
    assert sum(facts_of(made)["descriptions"]["dropped"].values()) + len(rows_of(made)) == (7 * len(texts))


@pytest.mark.parametrize(
    ("grounded", "reason"),
    [
        ("There is no such thing.", "grounding it finds nothing"),
        ('[{"bbox_2d": [1, 1, 9, 9], "label": "a"}]', "grounding it finds another box"),
        (
            '[{"bbox_2d": [1, 1, 400, 400], "label": "a"}, {"bbox_2d": [500, 500, 900, 900], "label": "a"}]',
            "grounding it finds several boxes",
        ),
    ],
)
def test_what_does_not_lead_back_is_dropped(
    teacher: FakeTeacher, settings: Make, shapes: Path, grounded: str, reason: str
) -> None:
    teacher.ground = lambda digest, expression: grounded
    made = settings(samples=1, limit=4)
    describe_dataset(shapes, made)
    assert facts_of(made)["descriptions"] == {"kept": 0, "dropped": {reason: 4}}
    assert facts_of(made)["regions"]["without_description"] == 4
    assert rows_of(made) == []


def test_chinese(teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.yaml"
    lines = [f"{label}: [{word}]\n" for label, word in CHINESE.items()]
    words.write_text("".join(lines), encoding="utf-8")
    made = settings(language="zh", samples=1, text_words=str(words))
    regions = find_regions(shapes, made).count
    describe_dataset(shapes, made)
    rows = rows_of(made)
    assert len(rows) == regions
    assert all(CHINESE[row["category"]] in row["expression"] for row in rows)
    assert "该物体的标签是“{label}”" in facts_of(made)["question"]
    page = (Path(made.output_dir) / "samples.html").read_text(encoding="utf-8")
    assert '<html lang="zh">' in page
    assert "红色正方形" in page
    with pytest.raises(UserError, match="no Chinese word for"):
        describe_dataset(shapes, settings(language="zh"))


def test_another_server_grounds_descriptions(
    teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path
) -> None:
    with FakeTeacher(tmp_path / "other", shapes) as checker:
        made = settings(cycle_base_url=checker.url, cycle_model="checker", cycle_prompt="expression.en1")
        regions = find_regions(shapes, made).count
        describe_dataset(shapes, made)
        assert {body["model"] for body in teacher.bodies} == {"teacher"}
        assert {body["model"] for body in checker.bodies} == {"checker"}
        assert (len(teacher.asked), len(checker.asked)) == (regions * 2, regions * 2)
        assert {key for body in checker.bodies for key in body} == {
            *("model", "messages", "max_tokens", "temperature"),
        }
    assert {row["teacher"]["cycle_model"] for row in rows_of(made)} == {"checker"}


def test_more_fields_go_to_the_teachers_server_alone(
    teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path
) -> None:
    more = {"chat_template_kwargs": {"enable_thinking": False}, "top_k": 5}
    describe_dataset(shapes, settings(samples=1, limit=1, request=more))
    assert [body["top_k"] for body in teacher.bodies] == [5, 5]
    assert [body["temperature"] for body in teacher.bodies] == [0.7, 0.0]
    assert {str(body["chat_template_kwargs"]) for body in teacher.bodies} == {"{'enable_thinking': False}"}
    assert facts_of(settings())["request_fields"] == ["chat_template_kwargs", "top_k"]
    with FakeTeacher(tmp_path / "other", shapes) as checker:
        made = settings(samples=1, limit=1, request=more, cycle_base_url=checker.url, cycle_model="checker")
        describe_dataset(shapes, made)
        assert not {"top_k", "chat_template_kwargs"} & checker.bodies[0].keys()


def test_a_server_without_the_usual_fields_gets_others(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    more = {"max_tokens": None, "seed": None, "max_completion_tokens": 99}
    describe_dataset(shapes, settings(limit=1, request=more, cycle_enabled=False))
    assert len(teacher.bodies) == 2  # the samples differ, though the server is not told
    for body in teacher.bodies:
        assert body["max_completion_tokens"] == 99
        assert not {"max_tokens", "seed"} & body.keys()


def test_without_grounding_rules_decide_alone(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    made = settings(cycle_enabled=False)
    regions = find_regions(shapes, made).count
    describe_dataset(shapes, made)
    assert len(teacher.asked) == regions * 2
    assert {row["teacher"]["iou"] for row in rows_of(made)} == {None}
    assert facts_of(made)["cycle"] is None


def test_a_crop_shows_the_region_alone(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    made = settings(show="crop", samples=1, limit=3)
    sizes = []

    def look(picture: Path, question: str, seed: int) -> SeenRegion:
        from PIL import Image

        sizes.append(Image.open(picture).size)
        assert "cut out around one object" in question
        return SeenRegion("red square", "en", False, False, 0)

    teacher.look = look  # type: ignore[method-assign]
    describe_dataset(shapes, made)
    assert len(sizes) == 3
    assert all(width < 160 and height < 160 for width, height in sizes)


def test_the_folder_of_a_data_set_is_not_written_into(settings: Make, shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is the data set itself"):
        describe_dataset(shapes, settings(output_dir=str(shapes)))
    (tmp_path / "described").mkdir()
    (tmp_path / "described" / "descriptions.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"holds another descriptions\.jsonl"):
        describe_dataset(shapes, settings())
