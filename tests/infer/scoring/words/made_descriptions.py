"""Rows of predictions about regions, made by hand."""

from typing import Any


def described(
    number: int, raw: str, phrases: list[str], *, label: str | None = None, image: str = "images/000101.png"
) -> dict[str, Any]:
    """Return the row of an answer about a region that the picture shows, in the form of predictions.jsonl."""
    mark = {
        "box": [100, 100, 500, 500],
        "show": "spotlight",
        "label": label,
        "phrases": phrases,
        "image": image,
    }
    return {
        "image_id": 9_000_000_000 + number,
        "image": f"images/shown_{number}.png",
        "width": 64,
        "height": 64,
        "question": "Describe what is inside the white outline.",
        "raw": raw,
        "detections": [],
        "problems": [],
        "region": mark,
    }


ENGLISH = [
    described(1, "a red dog on the left", ["the red dog", "red dog on the left side"], label="dog"),
    described(
        2, "The **small** cat\n- sitting on a mat", ["small cat", "cat that sits on a mat"], label="cat"
    ),
    described(3, "", ["man in a blue shirt"], label="person", image="images/000102.png"),
    described(4, "the bus", ["A bus!"], label="bus", image="images/000103.png"),
    described(5, "<think>hm</think>a tall man", ["man standing", "tall man"], image="images/000103.png"),
]
CHINESE = [
    described(11, "红色的狗", ["左边红色的狗", "红色的狗"], label="狗"),
    described(12, "一只猫", ["坐着的小猫"], label="猫", image="images/000104.png"),
]
