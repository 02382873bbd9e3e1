"""The answer formats, the keys of JSON answers, and the names of what can be wrong with an answer."""

ANSWER_FORMATS = ("objects", "json")
"""objects: PaddleFormers' placeholders, filled with Qwen's grounding tokens; json: Qwen3-VL's own list."""

NOTHING_FOUND = {"objects": "None of them is in the image.", "json": "[]"}
"""The answer of each format when there is nothing to find."""

BOX_KEYS = (
    *("bbox_2d", "bbox", "box", "box_2d", "bounding_box", "bboxes", "boxes", "bbox2d", "box2d", "bboxes_2d"),
    *("boxes_2d", "bounding_boxes", "boundingbox", "bndbox", "coordinates", "coords"),
)
LABEL_KEYS = (
    *("label", "name", "category", "class", "ref", "text_content", "text", "labels", "class_name"),
    *("category_name", "label_name", "object_name", "object", "description", "caption", "phrase", "title"),
)
DESCRIPTION_KEYS = ("description", "caption")
"""The keys under which an object has a description beside its label; without a label, they are the label."""

CONFIDENCE_KEYS = ("confidence", "score", "conf", "probability", "prob")
"""The keys under which models give a box, its label and how sure they are in JSON; `plain_key` of theirs."""

CONTAINER_KEYS = frozenset(
    {
        *("annotation", "annotations", "answer", "answers", "arguments", "data", "detection", "detections"),
        *("elements", "entities", "final_answer", "found", "image", "instances", "item", "items", "json"),
        *("list", "object", "objects", "output", "outputs", "parameters", "prediction", "predictions"),
        *("region", "regions", "response", "result", "results", "content", "message", "value", "values"),
        *("position", "location", "rect", "rectangle", "roi", "area"),
        *("point", "points", "point_2d", "center"),
    }
)
"""Keys that hold answers, and name no object."""

EMPTY_ANSWER = "empty answer"
NO_BOX = "no box in the answer"
TRUNCATED = "truncated"
PICTURE_HEADING = "Image {number}: "
"""Before the objects of each picture in a text with grounding tokens, where a question has several."""

PICTURE_KEY = "image"
"""The key under which each object of a JSON answer has the number of its picture, where there are several."""

PICTURE_UNNAMED = "box without its picture"
PICTURE_UNCLEAR = "box whose picture is unclear"
PICTURE_MISSING = "box of a picture that is not there"
PICTURES_FROM_0 = "pictures counted from 0"
"""What can be wrong with the picture of a box; its box is left out, but for the last one."""

UNLABELLED = "box without a label"
LABEL_ONLY = "label without a box"
NOT_FOUR_NUMBERS = "not four numbers"
POINT = "a point, not a box"
FRACTIONS = "no coordinate above 1: fractions of the image?"
OUT_OF_RANGE = "coordinate outside 0..1000"
OUT_OF_IMAGE = "coordinate outside the image"
UPSIDE_DOWN = "upside down"
NO_AREA = "no area"
DUPLICATE = "duplicate"
NO_SUCH_CANDIDATE = "number of a candidate that is not there"
CANDIDATE_TWICE = "number of a candidate used twice"
REPEATED = "stopped: an object again"
LOOPED = "stopped: a loop"
CLOSED_EARLY = "stopped: no tokens left for another object"
"""Why an answer was ended before it was complete (grounding.answers.repeats)."""
