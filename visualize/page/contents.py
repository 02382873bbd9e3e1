"""What a page knows: scores, colours and, for each image, the truth and what each run made of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from grounding.boxes import Box
from grounding.layout import SCORES_FILE
from grounding.samples import Detection
from infer.compare import read_scores
from infer.runs.predictions import Prediction
from infer.scoring.metric_names import METRICS, flat_metrics, in_order, show_value
from visualize.draw.colors import PALETTE, Color, assign_colors, text_color
from visualize.draw.compared_runs import Run, Shown, Truth
from visualize.draw.marks import OUTCOME_COLORS, label_name
from visualize.draw.outcomes import Match, Outcome, agreement, match_detections
from visualize.draw.pictures import turn_box
from visualize.page.image_copies import PageImage


def page_content(
    truth: Truth, runs: Sequence[Run], ids: Sequence[int], copies: Sequence[PageImage]
) -> dict[str, Any]:
    """Return everything that the page shows about these images, in their order, ready for JSON.

    An object is a list: positions of its label in `labels` and of its colour in `palette`, x1, y1, x2, y2 in
    the upright image; a predicted one goes on with score, position in `outcomes`, IoU and true label.
    """
    predicted = {item.label for run in runs for image_id in ids for item in run.answers[image_id].detections}
    names = [*truth.categories, *sorted(predicted - set(truth.categories))]
    labels = {name: position for position, name in enumerate(names)}
    return {
        "dataset": str(truth.dataset),
        "runs": [{"name": run.name, "folder": str(run.folder)} for run in runs],
        "metrics": score_rows(runs),
        "outcomes": [[outcome.value, *_paint(OUTCOME_COLORS[outcome])] for outcome in Outcome],
        "palette": [_paint(color) for color in PALETTE],
        "labels": [label_name(name) for name in names],
        "categories": len(truth.categories),
        "images": [
            _image(truth, image_id, [run.answers[image_id] for run in runs], copy, labels)
            for image_id, copy in zip(ids, copies, strict=True)
        ],
    }


def _image(
    truth: Truth, image_id: int, answers: Sequence[Prediction], copy: PageImage, labels: Mapping[str, int]
) -> dict[str, Any]:
    shown = truth.images[image_id]
    everything = [*shown.detections, *shown.crowds]
    for answered in answers:
        everything += answered.detections
    colors = assign_colors((item.label for item in everything), truth.categories)

    def encode(item: Detection) -> list[Any]:
        color = PALETTE.index(colors[item.label])
        return [labels[item.label], color, *_corners(item.box, shown, copy.orientation)]

    def encode_match(match: Match) -> list[Any]:
        true_label = None if match.true_label is None else labels[match.true_label]
        outcome, overlap = list(Outcome).index(match.outcome), round(match.iou, 3)
        return [*encode(match.detection), match.detection.score, outcome, overlap, true_label]

    def encode_answer(prediction: Prediction) -> dict[str, Any]:
        matches = match_detections(shown.detections, prediction.detections, shown.crowds)
        return {
            "raw": prediction.raw,
            "problems": prediction.problems,
            "readable": prediction.is_readable,
            "agreement": round(agreement(matches), 4),
            "objects": [encode_match(match) for match in matches],
        }

    return {
        "id": image_id,
        "name": shown.image,
        "question": answers[-1].question,
        "file": copy.file,
        "size": [copy.size.width, copy.size.height],
        "truth": [encode(item) for item in shown.detections],
        "crowds": [encode(item) for item in shown.crowds],
        "answers": [encode_answer(answered) for answered in answers],
    }


def score_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the metrics of the runs' scores.json, where there are any, with each run's value and text.

    Raises:
        UserError: a scores.json that does not hold scores.
    """
    scores = [
        flat_metrics(read_scores({"run": run.folder})["run"]) if (run.folder / SCORES_FILE).is_file() else {}
        for run in runs
    ]
    return [
        {
            "name": METRICS[key].name if key in METRICS else key,
            "key": key,
            "sign": -1 if key in METRICS and METRICS[key].less_is_better else 1,
            "values": [each.get(key) for each in scores],
            "texts": [show_value(key, each.get(key)) for each in scores],
        }
        for key in in_order(key for each in scores for key in each)
    ]


def _paint(color: Color) -> list[str]:
    """Return a colour, and that of text on it, as CSS writes them."""
    return ["#{:02x}{:02x}{:02x}".format(*each) for each in (color, text_color(color))]


def _corners(box: Box, shown: Shown, orientation: int) -> list[float]:
    """Return a box in the upright frame, x1 y1 x2 y2 to a tenth of a pixel."""
    return [round(value, 1) for value in turn_box(box, shown.size, orientation).xyxy]
