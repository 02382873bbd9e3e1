"""Saved conversations: what is written, that `prepare` reads it, and what is refused."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
from grounding.files import read_jsonl
from grounding.record.conversation import parse_record
from grounding.samples import Detection
from infer.engines.segment.segmenter import Click
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings
from visualize.app.talk.saved_talk import SavedTalks
from visualize.app.talk.talk_state import Talk, first_question
from visualize.app.texts import AppError

BOXED = "<|object_ref_start|>green circle<|object_ref_end|><|box_start|>(100,200),(300,500)<|box_end|>"
SYSTEM = "Be brief."


def picture(value: int = 90) -> Image.Image:
    image = Image.new("RGB", (200, 100), (value, 90, 90))
    image.paste((214, 39, 40), (20, 10, 100, 60))
    return image


def talk(description: str = "red square") -> Talk:
    mask = np.zeros((100, 200), dtype=np.bool_)
    mask[10:60, 20:100] = True
    begun = Talk("upload.png").clicked((Click(50, 30),), mask)
    return (
        begun.answered(first_question("What is it?"), description)
        .answered("Where is the green circle?", BOXED)
        .answered("Sure?", "Yes.")
    )


@pytest.fixture
def saved(tmp_path: Path) -> SavedTalks:
    return SavedTalks(tmp_path / "talks", most=3)


def prepared(folder: Path, output: Path) -> list[dict]:
    prepare_dataset(
        PrepareRecipe(
            source=SourceSettings(kind="records", path=str(folder)),
            categories="source",
            output_dir=str(output),
            total_samples=None,
            val_ratio=0.0,
        )
    )
    return [row for _, row in read_jsonl(output / "train.jsonl")]


def test_prepare_reads_what_was_saved(saved: SavedTalks, tmp_path: Path) -> None:
    saved.save(talk(), picture(), SYSTEM, "square")
    saved.save(talk("a red thing"), picture(50), SYSTEM)
    rows = prepared(saved.folder, tmp_path / "data")
    assert sorted(row["region"]["phrases"] for row in rows) == [["a red thing"], ["red square"]]
    (row,) = [row for row in rows if row["region"]["label"] == "square"]
    record = parse_record(row)
    assert [(turn.role, turn.text) for turn in record.turns] == [
        ("system", SYSTEM),
        ("user", "<image>What is it?"),
        ("assistant", "red square"),
        ("user", "Where is the green circle?"),
        ("assistant", BOXED),
        ("user", "Sure?"),
        ("assistant", "Yes."),
    ]
    assert row["region"]["box"] == [100, 100, 500, 600]
    assert record.read_answers(Size(1000, 1000)).detections == (
        Detection("green circle", Box(100, 200, 300, 500)),
    )
    with Image.open(tmp_path / "data" / record.image) as shown:
        seen, before = np.asarray(shown.convert("RGB")), np.asarray(picture())
    assert (seen[10:60, 20:100] == before[10:60, 20:100]).all()
    assert (seen[70:, 120:] == before[70:, 120:] // 2).all()
    assert check_dataset(tmp_path / "data").counts == {}


def test_the_record_names_the_whole_picture_too(saved: SavedTalks) -> None:
    path = saved.save(talk(), picture(), SYSTEM)
    ((_, row),) = read_jsonl(path)
    with Image.open(saved.folder / row["region"]["image"]) as whole:
        assert (np.asarray(whole) == np.asarray(picture())).all()
    assert check_dataset(path).counts == {}  # the picture shows the region as the renderer does


def test_a_conversation_that_is_saved_twice_is_there_once(saved: SavedTalks) -> None:
    first = saved.save(talk(), picture(), SYSTEM)
    files = sorted(saved.folder.rglob("*"))
    assert saved.save(talk(), picture(), SYSTEM) == first
    assert sorted(saved.folder.rglob("*")) == files
    assert len(list(saved.folder.glob("images/*"))) == 2


@pytest.mark.parametrize(
    ("what", "key"),
    [
        (Talk("upload.png"), "nothing_to_save"),
        (talk().undone(), "nothing_to_save"),
        (Talk("upload.png").clicked((Click(1, 1),), np.ones((100, 200), dtype=np.bool_)), "nothing_to_save"),
        (talk("the <|box_start|> cup"), "not_saved"),
        (talk(" "), "not_saved"),
    ],
)
def test_what_no_training_would_take_is_not_saved(saved: SavedTalks, what: Talk, key: str) -> None:
    with pytest.raises(AppError) as caught:
        saved.save(what, picture(), SYSTEM)
    assert caught.value.key == key
    assert not saved.folder.exists()


def test_the_folder_has_a_bound_also_for_many_at_once(saved: SavedTalks) -> None:
    refused: list[str] = []

    def save(number: int) -> None:
        try:
            saved.save(talk(f"thing {number}"), picture(20 * number), SYSTEM)
        except AppError as error:
            refused.append(error.key)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["many_saved"] * 5
    lines = [path.read_text(encoding="utf-8") for path in saved.folder.glob("*.jsonl")]
    assert len({json.loads(line)["region"]["phrases"][0] for line in lines}) == 3
    assert len(list(saved.folder.glob("images/*.png"))) == 6
