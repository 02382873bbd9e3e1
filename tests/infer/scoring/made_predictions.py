"""Predictions to score, made from a data set's annotations."""

import json
from pathlib import Path
from typing import Any

from infer.recipe import InferRecipe, save_recipe
from infer.scoring.outputs import write_scores


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def right_answers(dataset: Path) -> list[dict[str, Any]]:
    """Return predictions that are the ground truth."""
    content = json.loads((dataset / "annotations_val.json").read_text(encoding="utf-8"))
    rows = []
    for item in content["annotations"]:
        x, y, width, height = item["bbox"]
        found = {"label": "red square", "box": [x, y, x + width, y + height], "score": None}
        rows.append({"image_id": item["image_id"], "detections": [found], "problems": []})
    return rows


def write_scored_run(folder: Path, rows: list[dict[str, Any]], named: Path | None, dataset: Path) -> Path:
    """Write predictions and their scores and return the folder; with `named`, an infer.yaml names it."""
    path = write_rows(folder / "predictions.jsonl", rows)
    if named is not None:
        save_recipe(
            InferRecipe(checkpoint="model", dataset=str(named), output_dir=str(folder), limit=len(rows))
        )
    write_scores(path, dataset, draws=50)
    return folder


def write_two_runs(folder: Path, dataset: Path) -> dict[str, Path]:
    """Write two runs: the second finds all that the first finds but one, and two more."""
    before, after = right_answers(dataset), right_answers(dataset)
    for row in (before[0], before[1], after[6]):
        row["detections"] = []
    after[2]["detections"][0]["box"][2] *= 0.95
    return {
        name: write_scored_run(folder / name, rows, dataset, dataset)
        for name, rows in (("before", before), ("after", after))
    }
