"""The drawn source as ms-swift's records: questions about one picture, or about several at once."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.answers.forms import NOTHING_FOUND
from grounding.files import replacing
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER
from grounding.prompts import SYSTEM_PROMPT, draw
from prepare.progress import progress_bar
from prepare.questions.record_lines import make_line
from prepare.shapes.picture import render_scene
from prepare.shapes.scenes import Scene, ShapeSettings, box_in_pixels

EVERYTHING = ("Detect every object in the picture.", "Detect every object in each of the pictures.")
ONE_CLASS = ("Find the {name} in the picture.", "Find every {name} in the pictures.")
"""The questions about one picture, and about several."""


def write_records(folder: Path, splits: Mapping[str, Sequence[Scene]], settings: ShapeSettings) -> None:
    """Write images/SPLIT and SPLIT.jsonl: for some pictures a question for everything, and one for a class.

    The class is in one of the pictures at least, but for every fourth question. Boxes are in pixels, and
    `objects.image_id` says which picture each of them is in.

    Source of the layout: the page on custom data sets of ms-swift's documentation.
    """
    number = 0
    for split, scenes in splits.items():
        images = folder / "images" / split
        images.mkdir(parents=True, exist_ok=True)
        names = []
        with progress_bar(len(scenes), f"drawing {split} images") as progress:
            for scene in scenes:
                number += 1
                names.append(f"images/{split}/{number:06d}.png")
                render_scene(scene, settings).save(folder / names[-1], compress_level=9)
                progress.update()
        path = folder / f"{split}.jsonl"
        if not scenes:
            path.unlink(missing_ok=True)
            continue
        with replacing(path) as file:
            for start in range(0, len(scenes), settings.pictures):
                part = slice(start, start + settings.pictures)
                for record in _records(names[part], scenes[part], settings):
                    file.write(f"{make_line(record)}\n".encode())


def _records(
    names: Sequence[str], scenes: Sequence[Scene], settings: ShapeSettings
) -> Iterator[dict[str, Any]]:
    """Yield the questions about pictures that are shown together."""
    is_several = len(scenes) > 1
    yield _record(names, scenes, settings, EVERYTHING[is_several], range(len(settings.classes)))
    there = sorted({index for scene in scenes for index, _ in scene})
    absent = [index for index in range(len(settings.classes)) if index not in there]
    chance = draw(settings.seed, names[0], "class")
    wanted = absent if absent and chance % 4 == 0 else there
    index = wanted[chance // 4 % len(wanted)]
    question = ONE_CLASS[is_several].format(name=settings.classes[index])
    yield _record(names, scenes, settings, question, (index,))


def _plain(number: float) -> float:
    """Return a whole number as an integer, as annotations have it."""
    return int(number) if number.is_integer() else number


def _record(
    names: Sequence[str],
    scenes: Sequence[Scene],
    settings: ShapeSettings,
    question: str,
    wanted: Sequence[int],
) -> dict[str, Any]:
    found = [
        (picture, settings.classes[index], [_plain(edge) for edge in box_in_pixels(box, settings)])
        for picture, scene in enumerate(scenes)
        for index, box in scene
        if index in wanted
    ]
    answer = ", ".join([REF_PLACEHOLDER + BOX_PLACEHOLDER] * len(found)) or NOTHING_FOUND["objects"]
    record = {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": IMAGE_PLACEHOLDER * len(names) + question},
            {"role": "assistant", "content": answer},
        ],
        "images": [*names],
    }
    if not found:
        return record
    objects: dict[str, Any] = {
        "ref": [label for _, label, _ in found],
        "bbox": [box for _, _, box in found],
        "bbox_type": "real",
    }
    if len(names) > 1:
        objects["image_id"] = [picture for picture, _, _ in found]
    return {**record, "objects": objects}
