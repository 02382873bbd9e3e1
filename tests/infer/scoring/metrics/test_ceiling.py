from grounding.boxes import Box
from grounding.card import Card
from grounding.categories import number_categories
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.catalogue import CANDIDATE_METRICS, measure
from infer.scoring.metrics.ceiling import measure_ceiling

BOX, OTHER = Box(0, 0, 10, 10), Box(20, 20, 30, 30)


def evaluation(*predictions: Prediction) -> Evaluation:
    """Three pictures: a dog and a cat, a dog, and an expression."""
    card = Card("", {}, "objects", number_categories(["cat", "dog"]), "none", {}, {})
    objects = {
        1: (Detection("dog", BOX), Detection("cat", OTHER)),
        2: (Detection("dog", BOX),),
        3: (Detection("the dog", BOX),),
    }
    rows = [
        {"id": 10 * image + place, "image_id": image, "category_id": 2, "bbox": list(item.box.xywh)}
        | {"area": item.box.area, "iscrowd": 0}
        for image, items in objects.items()
        for place, item in enumerate(items)
    ]
    images = [{"id": image, "file_name": f"{image}.png", "width": 40, "height": 40} for image in objects]
    images[2]["asked"] = "the dog"
    annotations = {
        "images": images,
        "annotations": rows,
        "categories": [{"id": each.id, "name": each.name} for each in card.categories],
    }
    return Evaluation(card, annotations, predictions, 3, objects, {}, {3: "the dog"})


def test_the_ceiling_counts_all_objects_of_the_run() -> None:
    candidates = (Detection("dog", BOX, 0.9), Detection("dog", OTHER, 0.1))
    made = evaluation(
        Prediction(1, (), (), candidates=candidates),
        Prediction(2, (), ()),
        Prediction(3, (), (), candidates=candidates),
    )
    values = measure_ceiling(made).values
    assert values["candidate_recall"] == 1 / 3  # of two dogs and a cat; an expression has no label
    assert values["candidate_recall_any"] == 3 / 4
    assert values["asked_with_candidates"] == 2


def test_other_runs_have_no_ceiling() -> None:
    plain = evaluation(*(Prediction(image, (), ()) for image in (1, 2, 3)))
    assert not CANDIDATE_METRICS.keys() & measure(plain).values.keys()
    one = Prediction(1, (), (), candidates=(Detection("dog", BOX),))
    listed = evaluation(one, *(Prediction(image, (), ()) for image in (2, 3)))
    assert CANDIDATE_METRICS.keys() <= measure(listed).values.keys()
