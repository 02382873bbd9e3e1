"""Every reason to leave something out, and the exceptions that carry them.

The card counts what was dropped under these texts.

    UnusableError
        UnusableBoxError      one box
        UnusableQueryError    an expression or a record
        UnusableImageError    an image with all of its queries
"""

from collections.abc import Mapping

IMAGE_MISSING = "image file is missing"
IMAGE_DOES_NOT_DECODE = "image does not decode"
IMAGE_TOO_LARGE = "image claims too many pixels to be decoded"
IMAGE_SIZE_DIFFERS = "image size differs from the annotation"
IMAGE_TURNED = "image is turned by its EXIF orientation"
IMAGE_OF_32_BITS = "image has pixels of 32 bits, which have no fixed scale"
IMAGE_WITHOUT_ID = "image has no id"
IMAGE_WITHOUT_SIZE = "image has no width and height"
IMAGE_WITHOUT_OBJECTS = "image has no usable objects"
IMAGE_EMPTY = "image has no annotated objects"
IMAGE_OF_CROWDS = "image has only objects marked as crowd or difficult"
IMAGE_UNEVEN_LISTS = "image has object lists of different lengths"
IMAGE_IN_NO_SPLIT = "image is in neither train nor val of the source"
IMAGE_TWICE = "image is listed twice"
IMAGE_NAME_NOT_UTF8 = "image has a name that is not valid UTF-8"
LABELS_WITHOUT_IMAGE = "label file without an image that is listed"
ANNOTATION_WITHOUT_IMAGE = "annotation of an image that is not listed"
ANNOTATION_UNREADABLE = "annotation cannot be read"
ANNOTATION_SUPERSEDED = "annotation of an image that has a later one"
FILE_IN_NO_SPLIT = "annotation file is in neither train nor val of the source"
IMAGE_ONLY_PREDICTED = "image has predictions, but no annotation"
IMAGE_SKIPPED = "image was skipped by its annotator"
REGION_WITHOUT_BOX = "region has no extent: a point, a tag, a choice, a text or a relation"
REGION_WITHOUT_LABEL = "region has no label"
REGION_UNREADABLE = "region has a shape that cannot be read"
REGION_ON_TURNED_VIEW = "region was drawn on a turned view of its image"
ROWS_DAMAGED = "row group is damaged"

BOX_NOT_FOUR_NUMBERS = "box is not four numbers"
BOX_NOT_FINITE = "box has NaN or infinite coordinates"
BOX_UPSIDE_DOWN = "box is upside down or without area"
BOX_OUTSIDE = "box is outside its image"
BOX_UNKNOWN_CATEGORY = "box of an unknown category"
BOX_OF_CROWD = "box is marked as crowd or difficult"
BOX_NO_AREA_ON_GRID = "box has no area on the grid"
BOX_TOO_SMALL = "box is smaller than min_grid_size"

ANSWER_TOO_LONG = "answer has more objects than max_objects"

NO_RELATION = "image of which no computed phrase means exactly one object"

NO_WRONG_BOX = "yes/no question for which no wrong box was found"

DESCRIPTION_EMPTY = "description of an object is empty or no readable text"
DESCRIPTION_WITH_MARKUP = "description of an object contains markup"
DESCRIPTION_WITH_CONTROL = "description of an object contains a control character"

EXPRESSION_WITHOUT_BOX = "expression has no usable box"
EXPRESSION_WITH_MARKUP = "expression contains markup"
EXPRESSION_UNREADABLE = "expression is no readable text"
EXPRESSION_IN_NO_SPLIT = "expression is in a split that is not taken"
EXPRESSION_TOO_LONG = "expression is longer than source.max_text"

RECORD_WITH_BAD_BOX = "record has a box that cannot be used"
RECORD_UNREADABLE = "record has boxes in a form that cannot be rewritten"
RECORD_POINT = "record has a point in its text, which cannot be rewritten"
RECORD_UNNAMED = "record has a box without a name, and its question names none"
RECORD_AMBIGUOUS = "record does not tell which name belongs to which box"
RECORD_WITHOUT_IMAGE = "record has no image"
RECORD_PICTURE_UNKNOWN = "record of several images does not say which one a box is in"
RECORD_PICTURE_MISSING = "record has a box in an image that is not there"
RECORD_PICTURES_DISAGREE = "record's answer and objects.image_id name different images for a box"
RECORD_SHOWS_VAL = "record shows an image of validation"
RECORD_UNMATCHED = "record's placeholders and objects differ in number"
RECORD_IMAGE_UNMATCHED = "record has not one image for each <image> placeholder"
RECORD_LABEL_TOO_LONG = "record has a label longer than source.max_text"
CANDIDATES_OF_OTHERS = "image of candidates.file that the data set does not have"
RECORD_WITH_CANDIDATES = "record lists candidates: prepare it again from what it was made of"
RECORD_WITH_VIEWS = "record shows views of its image: prepare it again from what it was made of"
RECORD_FLAWED = "record is not one that training would take as it is"

DAMAGE = frozenset(
    {
        ANNOTATION_UNREADABLE,
        IMAGE_DOES_NOT_DECODE,
        IMAGE_MISSING,
        IMAGE_NAME_NOT_UTF8,
        IMAGE_OF_32_BITS,
        IMAGE_SIZE_DIFFERS,
        IMAGE_TOO_LARGE,
        ROWS_DAMAGED,
    }
)
"""Reasons that mean a damaged source; they count against `max_bad_share`. The others do not."""

REMEDIES = {
    IMAGE_TURNED: "exif=turned if the boxes fit the upright picture, exif=stored if they fit the stored one",
    IMAGE_OF_CROWDS: "source.crowds=objects trains them",
    IMAGE_OF_32_BITS: "convert the images to 8 or 16 bits",
}
"""What a user can do about a reason, where a key or a conversion helps."""

NO_QUESTION_LEFT = (
    ANSWER_TOO_LONG,
    NO_RELATION,
    EXPRESSION_WITHOUT_BOX,
    EXPRESSION_WITH_MARKUP,
    EXPRESSION_TOO_LONG,
    RECORD_WITH_BAD_BOX,
    RECORD_UNREADABLE,
    RECORD_POINT,
    RECORD_UNNAMED,
    RECORD_AMBIGUOUS,
    RECORD_UNMATCHED,
    RECORD_IMAGE_UNMATCHED,
    RECORD_PICTURE_UNKNOWN,
    RECORD_PICTURE_MISSING,
    RECORD_PICTURES_DISAGREE,
    RECORD_LABEL_TOO_LONG,
    RECORD_FLAWED,
)
"""Drops that can leave an image without a question; the first that occurred becomes the image's reason."""


class UnusableError(Exception):
    """Something is left out: `reason` is one of the constants of this module, `detail` is for a message.

    `items` counts by reason what was in it and could not be used either.
    """

    def __init__(self, reason: str, detail: str = "", items: Mapping[str, int] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.items = items or {}


class UnusableBoxError(UnusableError):
    """A box cannot be used."""


class UnusableQueryError(UnusableError):
    """An expression or a record cannot be used; the image's other queries can."""


class UnusableImageError(UnusableError):
    """An image cannot be used."""
