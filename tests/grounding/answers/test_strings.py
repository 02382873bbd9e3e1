"""What JSON's strings say is read back, whatever stands in them."""

import json
import random

from grounding.answers.reader import read_answer
from grounding.boxes import Size

PIECES = ("a", "b", "é", "狗", " ", "'", '"', "\\", "\\'", '\\"', "/", "\\n", "%", "5")


def test_labels_in_json_are_read_back() -> None:
    chance = random.Random(5)
    for _ in range(2000):
        label = f"x{''.join(chance.choices(PIECES, k=chance.randrange(1, 9)))}y"
        for ascii_only in (True, False):
            row = [{"bbox_2d": [100, 200, 300, 400], "label": label}, {"bbox_2d": [1, 2, 3, 4], "label": "z"}]
            answer = json.dumps(row, ensure_ascii=ascii_only)
            reading = read_answer(answer, Size(1000, 1000))
            assert [item.label for item in reading.detections] == [label, "z"], answer
