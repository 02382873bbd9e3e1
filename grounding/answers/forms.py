"""The answer formats, the keys of JSON answers, and the names of what can be wrong with an answer."""

ANSWER_FORMATS = ("objects", "json")
"""objects: PaddleFormers' placeholders, filled with Qwen's grounding tokens; json: Qwen3-VL's own list."""

NOTHING_FOUND = {"objects": "None of them is in the image.", "json": "[]"}
"""The answer of each format when there is nothing to find."""

BOX_KEYS = ("bbox_2d", "bbox", "box")
LABEL_KEYS = ("label", "name", "category", "class", "ref")
"""The keys under which models give a box and its label in JSON."""

EMPTY_ANSWER = "empty answer"
NO_BOX = "no box in the answer"
TRUNCATED = "truncated"
UNLABELLED = "box without a label"
LABEL_ONLY = "label without a box"
NOT_FOUR_NUMBERS = "not four numbers"
OUT_OF_RANGE = "coordinate outside 0..1000"
UPSIDE_DOWN = "upside down"
NO_AREA = "no area"
DUPLICATE = "duplicate"
