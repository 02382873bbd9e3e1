"""What can be wrong with a record: what training would drop, skip or garble, and what spoils the scores."""

from dataclasses import dataclass

from grounding.boxes import GRID

NOT_JSON = "line is not a JSON object"
BAD_MESSAGES = "messages are not turns of user and assistant"
BAD_IMAGES = "images is not a list of paths"
IMAGE_COUNT = "number of <image> placeholders is not the number of images"
IMAGE_PLACE = "<image> placeholder outside the user's messages"
BAD_OBJECTS = "objects are not lists ref and bbox"
REF_COUNT = "number of <ref-object> placeholders is not the length of objects.ref"
BOX_COUNT = "number of <bbox> placeholders is not the length of objects.bbox"
BOX_FIRST = "<bbox> stands before any <ref-object>"
BOX_PICTURES = "objects.image_id is not one index of an image for each box"
BOX_UNPLACED = "record of several images has objects without image_id"
PICTURE_ORDER = "answer does not name its objects in the order of the images"
PICTURE_UNREAD = "answer does not say which image a box is in"
BAD_LABEL = "label is empty or holds markup"
UNKNOWN_LABEL = "label is not among the card's categories"
NOT_FOUR = "box is not four numbers"
NOT_INTEGER = "box is not in whole numbers"
OUT_OF_GRID = f"box reaches out of 0..{GRID}"
WITHOUT_AREA = "box is upside down or without area"
BAD_DESCRIPTION = "description of an object is no text, or blank"
BAD_ANSWER = "answer cannot be read back"
OTHER_SYSTEM = "system prompt is not the card's"
OTHER_FORMAT = "record has objects, and the card says that answers are JSON"
LOST_IN_READING = "answer does not read back as the record's objects"
BAD_YES_NO = "yes/no question is not one turn with the answer that its mark says"
BAD_REPLAY = "replayed answer in words has objects or placeholders for them"
BAD_REGION = "question for words has no first answer among the phrases of its mark"
BAD_CANDIDATES = "question does not list the candidates of its mark"
BAD_VIEWS = "question does not show the views of its mark"
BAD_NUMBER = "number of a candidate that is not there, or used twice"
TWICE_IN_ANSWER = "object is named twice in an answer"

WARNINGS = frozenset({TWICE_IN_ANSWER, PICTURE_ORDER})
"""Neither training nor scoring suffers from these."""

ACCEPTED_BY_TRAINING = WARNINGS | {UNKNOWN_LABEL}
"""Training takes these records as they are; a label that the card does not know only spoils the scores."""


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with a record: its kind (a constant of this module), and the wrong piece."""

    kind: str
    piece: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.piece}"
