"""The data of a page: scores, colours and, for each image, the truth and the answer of each run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grounding.boxes import Box
from grounding.layout import SCORES_FILE
from grounding.predictions.outcomes import JudgedObject, Outcome, agreement, judge_detections
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.comparison import read_scores
from infer.scoring.metric_texts import flat_metrics, in_order, show_value
from infer.scoring.metrics.catalogue import ALL_METRICS
from infer.scoring.words.answer_words import is_true_phrase, words_of_answer
from visualize.draw.colors import PALETTE, Color, assign_colors, text_color
from visualize.draw.marks import CANDIDATE_COLOR, OUTCOME_COLORS, label_name
from visualize.page.image_copies import PageImage
from visualize.page.kind_tables import page_kinds
from visualize.read.asked_words import AskedWords
from visualize.read.compared_runs import Run, Truth


def page_content(
    truth: Truth,
    runs: Sequence[Run],
    questions: Sequence[tuple[int, ...]],
    copies: Sequence[PageImage],
    words: Sequence[AskedWords] = (),
    word_copies: Sequence[PageImage] = (),
) -> dict[str, Any]:
    """Return everything that the page shows about the images of these questions, ready for JSON.

    `copies` are the images in the order of the questions. A question with several images has them as
    `pictures`, and its answers have the agreement over all of them. An object is a list: the positions of its
    label in `labels` and of its colour in `palette`, then x1, y1,
    x2, y2 in pixels of the upright image. For predicted objects, the score, the position in `outcomes`, the
    IoU and the position of the true label follow. `word_copies` are the pictures of the questions for words.
    An answer that describes objects has the list `descriptions`: the position of the label, and the text; one
    to a question with candidates has their boxes as `candidates`, one to a question with views their number.

    Raises:
        UserError: a scores.json does not hold scores.
    """
    ids = [image_id for question in questions for image_id in question]
    files = [run.folder / SCORES_FILE for run in runs]
    scores = [read_scores(path.parent) if path.is_file() else {} for path in files]
    found = {item.label for run in runs for image_id in ids for item in run.answers[image_id].detections}
    shown = [truth.images[image_id] for image_id in ids]
    found |= {item.label for image in shown for item in (*image.detections, *image.crowds)}  # expressions
    names = [*truth.categories, *sorted(found - set(truth.categories))]
    labels = {name: position for position, name in enumerate(names)}
    return {
        "dataset": str(truth.dataset),
        "runs": [{"name": run.name, "folder": str(run.folder)} for run in runs],
        "metrics": score_rows(scores),
        "kinds": page_kinds([run.name for run in runs], files, scores),
        "outcomes": [[outcome.value, *_paint(OUTCOME_COLORS[outcome])] for outcome in Outcome],
        "candidate": _paint(CANDIDATE_COLOR),
        "palette": [_paint(color) for color in PALETTE],
        "labels": [label_name(name) for name in names],
        "categories": len(truth.categories),
        "images": _questions(truth, runs, questions, iter(copies), labels)
        + [_word_image(asked, copy) for asked, copy in zip(words, word_copies, strict=True)],
    }


def _questions(
    truth: Truth,
    runs: Sequence[Run],
    questions: Sequence[tuple[int, ...]],
    copies: Iterator[PageImage],
    labels: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return each question: an image, or, where it shows several, these as its pictures."""
    found = []
    for ids in questions:
        pictures = [
            _image(truth, image_id, [run.answers[image_id] for run in runs], next(copies), labels)
            for image_id in ids
        ]
        found.append(pictures[0] if len(pictures) == 1 else _several(truth, runs, ids, pictures))
    return found


def _several(
    truth: Truth, runs: Sequence[Run], ids: tuple[int, ...], pictures: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a question with several pictures; the page adds the objects of its pictures up."""
    answers = []
    for run in runs:
        own = [(truth.images[image_id], run.answers[image_id]) for image_id in ids]
        judged = [
            item
            for shown, answered in own
            for item in judge_detections(shown.detections, answered.detections, shown.crowds)
        ]
        whole = own[0][1]
        answers.append(
            {
                "raw": whole.raw,
                "problems": whole.problems,
                "readable": whole.is_readable,
                "agreement": round(agreement(judged), 4),
            }
        )
    return {
        "id": ids[0],
        "name": ", ".join(dict.fromkeys(picture["name"] for picture in pictures)),
        "question": pictures[0]["question"],
        "pictures": pictures,
        "answers": answers,
    }


def _word_image(asked: AskedWords, copy: PageImage) -> dict[str, Any]:
    """Return a question for words as an image without objects: `words` has what is true of its region.

    `exact` of an answer tells whether it is one of the true texts, as the score `words_exact` counts it.
    """
    return {
        "id": asked.answers[-1].image_id,
        "name": f"{asked.region.image or asked.image}, shown as {asked.region.show}",
        "question": asked.answers[-1].question,
        "file": copy.file,
        "size": [copy.size.width, copy.size.height],
        "truth": [],
        "crowds": [],
        "words": {
            "true": list(asked.region.phrases),
            "label": asked.region.label,
            "box": None if asked.box is None else _corners(asked.box),
        },
        "answers": [
            {
                "raw": answered.raw,
                "problems": answered.problems,
                "readable": answered.is_readable,
                "agreement": None,
                "objects": [],
                "exact": is_true_phrase(words_of_answer(answered.raw), asked.region.phrases),
            }
            for answered in asked.answers
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
        return [labels[item.label], color, *_corners(item.box)]

    def encode_judged(item: JudgedObject) -> list[Any]:
        true_label = None if item.true_label is None else labels[item.true_label]
        outcome, overlap = list(Outcome).index(item.outcome), round(item.iou, 3)
        return [*encode(item.detection), item.detection.score, outcome, overlap, true_label]

    def encode_answer(prediction: Prediction) -> dict[str, Any]:
        judged = judge_detections(shown.detections, prediction.detections, shown.crowds)
        described = [
            [labels[item.label], item.description] for item in prediction.detections if item.description
        ]
        listed = [_corners(item.box) for item in prediction.candidates]
        return {
            **({"descriptions": described} if described else {}),
            **({"candidates": listed} if listed else {}),
            **({"views": prediction.views} if prediction.views else {}),
            "raw": prediction.raw,
            "problems": prediction.problems,
            "readable": prediction.is_readable,
            "agreement": round(agreement(judged), 4),
            "objects": [encode_judged(item) for item in judged],
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


def score_rows(contents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the metrics of each run's scores.json, with the values and texts of all runs.

    A run without scores.json is {} and has empty values.
    """
    scores = [flat_metrics(content) for content in contents]
    return [
        {
            "name": ALL_METRICS[key].name if key in ALL_METRICS else key,
            "key": key,
            "sign": -1 if key in ALL_METRICS and ALL_METRICS[key].less_is_better else 1,
            "values": [each.get(key) for each in scores],
            "texts": [show_value(key, each.get(key)) for each in scores],
        }
        for key in in_order(key for each in scores for key in each)
    ]


def _paint(color: Color) -> list[str]:
    """Return a colour and the colour of text on it, in CSS notation."""
    return ["#{:02x}{:02x}{:02x}".format(*each) for each in (color, text_color(color))]


def _corners(box: Box) -> list[float]:
    """Return x1, y1, x2, y2, rounded to a tenth of a pixel."""
    return [round(value, 1) for value in box.xyxy]
