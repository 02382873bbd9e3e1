"""Categories: an id and a name; COCO's 80 categories with their original ids."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.errors import UserError
from grounding.markup import find_markup


@dataclass(frozen=True)
class Category:
    """A category of COCO annotations."""

    id: int
    name: str


# fmt: off
_COCO = (
    (1, "person"), (2, "bicycle"), (3, "car"), (4, "motorcycle"), (5, "airplane"), (6, "bus"),
    (7, "train"), (8, "truck"), (9, "boat"), (10, "traffic light"), (11, "fire hydrant"),
    (13, "stop sign"), (14, "parking meter"), (15, "bench"), (16, "bird"), (17, "cat"), (18, "dog"),
    (19, "horse"), (20, "sheep"), (21, "cow"), (22, "elephant"), (23, "bear"), (24, "zebra"),
    (25, "giraffe"), (27, "backpack"), (28, "umbrella"), (31, "handbag"), (32, "tie"), (33, "suitcase"),
    (34, "frisbee"), (35, "skis"), (36, "snowboard"), (37, "sports ball"), (38, "kite"),
    (39, "baseball bat"), (40, "baseball glove"), (41, "skateboard"), (42, "surfboard"),
    (43, "tennis racket"), (44, "bottle"), (46, "wine glass"), (47, "cup"), (48, "fork"), (49, "knife"),
    (50, "spoon"), (51, "bowl"), (52, "banana"), (53, "apple"), (54, "sandwich"), (55, "orange"),
    (56, "broccoli"), (57, "carrot"), (58, "hot dog"), (59, "pizza"), (60, "donut"), (61, "cake"),
    (62, "chair"), (63, "couch"), (64, "potted plant"), (65, "bed"), (67, "dining table"),
    (70, "toilet"), (72, "tv"), (73, "laptop"), (74, "mouse"), (75, "remote"), (76, "keyboard"),
    (77, "cell phone"), (78, "microwave"), (79, "oven"), (80, "toaster"), (81, "sink"),
    (82, "refrigerator"), (84, "book"), (85, "clock"), (86, "vase"), (87, "scissors"),
    (88, "teddy bear"), (89, "hair drier"), (90, "toothbrush"),
)
# fmt: on

COCO_CATEGORIES = tuple(Category(category_id, name) for category_id, name in _COCO)
"""COCO's 80 categories. The position is the contiguous index 0..79; the ids 1..90 have COCO's gaps.

Source: Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014; ids of instances_train2017.json.
"""


def number_categories(names: Sequence[str]) -> tuple[Category, ...]:
    """Number category names from 1, in their order, as COCO does.

    Raises:
        UserError: a name that is empty, repeated or contains markup.
    """
    seen: set[str] = set()
    for position, name in enumerate(names):
        if not name.strip() or name in seen:
            raise UserError(f"categories: name {position + 1}, '{name}', is empty or repeated")
        if mark := find_markup(name):
            raise UserError(f"categories: '{name}' contains {mark}, which has a special meaning in the text")
        seen.add(name)
    return tuple(Category(number, name) for number, name in enumerate(names, start=1))
