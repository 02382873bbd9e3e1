"""`python benchmarks/several_pictures.py [FOLDER]`: does a tiny model put boxes into the right picture?

Each seed draws pairs of pictures with one or two shapes each (`prepare.shapes`, pictures=2), and questions
that show both: all objects of each, or one class in any of them. A tiny model that finds shapes in one
picture (`small` of benchmarks/views.py, whose folder this shares) learns them by
`python -m train recipes/train/tiny_full.yaml`, and is asked about pictures that it has not seen.

Prints for each seed the AP of first and of second pictures, the F1, and the share of boxes in the right
picture: of all boxes that have, by label and place (IoU 0.5), an object in one of the two pictures, those
whose answer names the picture of that object. A model that guesses the picture is right about half of the
time. Exit code 1 if a share is below 0.9. What is there already is kept: repeat the command.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks import views
from benchmarks.module_call import call
from grounding.matching import AT_50
from grounding.tables import format_table

COLUMNS = ("AP of first pictures", "AP of second pictures", "F1 at IoU 0.5", "boxes in the right picture")
LEAST_SHARE = 0.9
STEPS = 1000


def main() -> int:
    """Train what is missing, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "views")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of 8 questions each ({STEPS})")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows: list[list[str]] = []
    shares = []
    for seed in given.seeds:
        folder = given.folder.resolve() / f"seed_{seed}"
        data = draw(folder, seed)
        small = views.trained(folder, "small", views.STEPS, seed)
        model = views.train(folder, "pairs", small, given.steps, seed)
        values = measure(model, data)
        shares.append(values[COLUMNS[-1]])
        cells = [f"{values[column]:.3f}" for column in COLUMNS]
        rows.append([str(seed), f"{values['questions']:.0f}", *cells])
    sys.stdout.write(format_table(["seed", "questions", *COLUMNS], rows) + "\n")
    return int(min(shares) < LEAST_SHARE)


def draw(folder: Path, seed: int) -> Path:
    """Draw and prepare pairs of pictures where they are missing, and return the data set's folder."""
    data = folder / "pairs"
    if not (data / "card.json").is_file():
        source = folder / "pairs_source"
        call("prepare.shapes", source, "layout=records", "pictures=2", f"images={views.IMAGES}",
             f"val_images={views.VAL_IMAGES}", f"seed={seed}")  # fmt: skip
        call("prepare", "recipes/prepare/records.yaml", f"source.path={source}",
             "source.units=pixels", f"output_dir={data}")  # fmt: skip
    return data


def measure(model: Path, data: Path) -> dict[str, float]:
    """Ask a model about the validation pictures, and return the table's columns."""
    answers = model / "answers"
    call("infer", "recipes/infer/demo.yaml", f"checkpoint={model}", f"dataset={data}",
         f"output_dir={answers}", "batch_size=32", "max_new_tokens=160")  # fmt: skip
    return columns_of(answers, data)


def columns_of(answers: Path, data: Path) -> dict[str, float]:
    """Return the table's columns of some answers, and the number of questions."""
    from infer.scoring.inputs import read_evaluation
    from infer.scoring.scorecard import score

    evaluation = read_evaluation(answers / "predictions.jsonl", data)
    values = score(evaluation, draws=0).values
    places = [score(each, draws=0).values["AP"] or 0.0 for each in by_place(evaluation)]
    right = sum(each.count(AT_50)[0] for each in evaluation.matches)
    wrong = float(values["wrong_picture_boxes"] or 0)
    share = right / (right + wrong) if right + wrong else 0.0
    found = (*places, float(values["f1_50"] or 0.0), share)
    questions = float(values["several_pictures"] or 0)
    return {**dict(zip(COLUMNS, found, strict=True)), "questions": questions}


def by_place(evaluation: Any) -> Iterator[Any]:
    """Yield the evaluation of the first pictures alone, and that of the second ones."""
    for place in range(2):
        own: Sequence[Any] = [item for item in evaluation.predictions if item.place == place]
        known = {item.image_id for item in own}
        annotations = {
            **evaluation.annotations,
            "images": [each for each in evaluation.annotations["images"] if each["id"] in known],
            "annotations": [
                each for each in evaluation.annotations["annotations"] if each["image_id"] in known
            ],
        }
        alone = tuple(replace(item, together=(), found_elsewhere=0) for item in own)
        yield replace(evaluation, annotations=annotations, predictions=alone, images_in_data_set=len(own))


if __name__ == "__main__":
    sys.exit(main())
