"""A data set with one answer to every question, which a tiny model learns by heart in a few steps."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from grounding.boxes import Size, from_grid
from grounding.card import Card, save_card
from grounding.categories import number_categories
from grounding.prompts import SYSTEM_PROMPT

QUESTION = "Task: Object Detection"
OBJECTS = {"motorcycle": [330, 221, 694, 997], "红色的摩托车": [12, 345, 678, 1000]}
SIDE, IMAGES = 64, 6
STEPS = 26


def write_known_answer(folder: Path) -> Path:
    """Write six noisy images, and for each the same answer: short to learn by heart."""
    (folder / "images").mkdir()
    categories = number_categories(list(OBJECTS))
    save_card(
        Card(SYSTEM_PROMPT, {"task.en1": QUESTION}, "objects", categories, "none", {}, {}),
        folder,
    )
    rows, images, annotations = [], [], []
    for number in range(1, IMAGES + 1):
        name = f"images/{number:06}.png"
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": SYSTEM_PROMPT},
                    {"role": "user", "content": f"<image>{QUESTION}"},
                    {"role": "assistant", "content": "<ref-object><bbox>, <ref-object><bbox>"},
                ],
                "images": [name],
                "objects": {"ref": list(OBJECTS), "bbox": list(OBJECTS.values())},
            }
        )
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        for category, corners in zip(categories, OBJECTS.values(), strict=True):
            box = from_grid(*corners, Size(SIDE, SIDE))
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": category.id,
                 "bbox": list(box.xywh), "area": box.area, "iscrowd": 0}
            )  # fmt: skip
    for split in ("train", "val"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    named = [{"id": category.id, "name": category.name} for category in categories]
    content = {"images": images, "annotations": annotations, "categories": named}
    (folder / "annotations_val.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def words_to_learn(base: Path, dataset: Path, output_dir: Path) -> list[str]:
    """Return the keys of a run that learns the answer."""
    return [
        f"model_name_or_path={base}",
        f"train_dataset_path={dataset / 'train.jsonl'}",
        f"eval_dataset_path={dataset / 'val.jsonl'}",
        f"output_dir={output_dir}",
        *(f"max_steps={STEPS}", "logging_steps=1", "per_device_train_batch_size=1", "learning_rate=5.0e-3"),
        *("save_strategy=no", "do_eval=false", "evaluation_strategy=no", "grounding_eval_samples=0"),
    ]
