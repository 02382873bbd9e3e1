"""A small prepared data set and the predictions of a run on it."""

import json

from PIL import Image

from grounding.card import Card, save_card
from grounding.categories import number_categories

LABELS = ("方块", "circle")


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def prediction(number, box=(8, 8, 28, 28), **changes):
    row = {
        "image_id": number, "image": f"images/{number}.png", "width": 64, "height": 48,
        "question": "?", "raw": "", "problems": [],
        "detections": [{"label": "方块", "box": list(box), "score": None}],
    }  # fmt: skip
    return {**row, **changes}


def write_dataset(folder, numbers, objects=((1, (8, 8, 20, 20)),)):
    """Write card, annotations and an image a number; objects are (category id, xywh)."""
    (folder / "images").mkdir(parents=True)
    save_card(
        Card(
            "",
            {"task.en1": "Task: Object Detection"},
            "objects",
            number_categories(list(LABELS)),
            "none",
            {},
            {},
        ),
        folder,
    )
    images, annotations = [], []
    for number in numbers:
        Image.new("RGB", (64, 48), (40 * number % 256, 90, 90)).save(folder / f"images/{number}.png")
        images.append({"id": number, "file_name": f"images/{number}.png", "width": 64, "height": 48})
        annotations += [
            {
                "id": len(annotations) + n,
                "image_id": number,
                "category_id": category,
                "bbox": box,
                "iscrowd": 0,
            }
            for n, (category, box) in enumerate(objects, start=1)
        ]
    categories = [{"id": number, "name": name} for number, name in enumerate(LABELS, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations_val.json").write_text(json.dumps(content), encoding="utf-8")


def write_run(folder, dataset, rows):
    """Write infer.yaml and predictions.jsonl."""
    folder.mkdir()
    recipe = f"checkpoint: model\ndataset: {dataset}\noutput_dir: {folder}\n"
    (folder / "infer.yaml").write_text(recipe, encoding="utf-8")
    write_lines(folder / "predictions.jsonl", rows)


SEVERAL = ((7, 3), (5, 9, 8), (4,))
"""The pictures of each question of `write_several`; all pictures have one object, at (8, 8, 28, 28)."""


def several_prediction(numbers, *found, **changes):
    """Return a row about several pictures; each of `found` is a picture's place and a box."""
    detections = [{"label": "方块", "box": list(box), "score": None, "picture": at} for at, box in found]
    pictures = [
        {"image_id": number, "image": f"images/{number}.png", "width": 64, "height": 48} for number in numbers
    ]
    return prediction(numbers[0], detections=detections, pictures=pictures, **changes)


def write_several(folder):
    """Write a data set whose questions show several pictures, and a run on it, and return their folders.

    The run has all objects of the second question right, and two of the first in each other's picture: the
    second object of the first is 30 pixels to the right.
    """
    data = folder / "data"
    write_dataset(data, [number for numbers in SEVERAL for number in numbers])
    path = data / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["annotations"][1]["bbox"] = [38, 8, 20, 20]
    path.write_text(json.dumps(content), encoding="utf-8")
    here, right = (8, 8, 28, 28), (38, 8, 58, 28)
    rows = [
        several_prediction(SEVERAL[0], (0, right), (1, here), raw="Image 1: a\nImage 2: b"),
        several_prediction(SEVERAL[1], (0, here), (1, here), (2, here), problems=["truncated"]),
        prediction(SEVERAL[2][0]),
    ]
    write_run(folder / "run", data, rows)
    return data, folder / "run"
