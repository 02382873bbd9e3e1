import numpy as np
from PIL import Image

from grounding.boxes import Box
from grounding.samples import Detection
from visualize.draw.drawing import draw_detections, draw_marks
from visualize.draw.marks import CANDIDATE_COLOR, candidate_marks


def test_a_small_picture_is_not_buried_under_its_labels():
    items = [Detection("red square", Box(n, n, n + 20, n + 20), 0.5) for n in range(0, 44, 4)]
    drawn = np.asarray(draw_detections(Image.new("RGB", (64, 64), (1, 2, 3)), items))
    assert (drawn == (1, 2, 3)).all(axis=2).mean() > 0.2


def test_a_label_does_not_hide_a_box_that_goes_without_one(monkeypatch):
    monkeypatch.setattr("visualize.draw.labels.LABELS_AT_MOST", 0.0)  # only the largest box has a label
    picture, tiny = Image.new("RGB", (200, 200), (1, 2, 3)), Box(60, 48, 70, 58)
    draw_marks(picture, candidate_marks([Detection("x", box) for box in (Box(60, 60, 140, 140), tiny)]))
    drawn = np.asarray(picture)
    assert (drawn[51:55, 63:67] == (1, 2, 3)).all()
    assert (drawn == CANDIDATE_COLOR).all(axis=2).sum() > 250


def test_a_label_without_room_for_its_score_goes_without():
    item = Detection("cat", Box(10, 14, 30, 24), 0.5)
    with_score, without = (
        draw_detections(Image.new("RGB", (36, 26)), [Detection(item.label, item.box, score)])
        for score in (0.5, None)
    )
    assert with_score.tobytes() == without.tobytes()
