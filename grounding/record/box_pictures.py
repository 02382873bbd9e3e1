"""Which of a record's images each box of its `objects` belongs to.

{"objects": {"ref": ["cat", "dog"], "bbox": [[1, 2, 3, 4], [5, 6, 7, 8]], "image_id": [0, 1]}}

Source: ms-swift, whose `image_id` has the index of the image for each box, from 0; all 0 where it is missing.
"""

from collections.abc import Mapping
from typing import Any

IMAGE_ID_KEY = "image_id"


def pictures_of_boxes(objects: Mapping[str, Any] | None, images: int) -> tuple[int, ...]:
    """Return the index of the image for each box of `objects`; `images` is how many images the record has.

    Raises:
        ValueError: `image_id` is not one index of an image for each box.
        TypeError, AttributeError: `objects` has another form.
    """
    given = objects or {}
    boxes = list(given.get("bbox") or ())
    indices = given.get(IMAGE_ID_KEY)
    if indices is None:
        return (0,) * len(boxes)
    are_indices = isinstance(indices, list) and all(type(index) is int for index in indices)
    if not are_indices or len(indices) != len(boxes):
        raise ValueError(f"objects.{IMAGE_ID_KEY} is not one index for each box")
    if not all(0 <= index < max(1, images) for index in indices):
        raise ValueError(f"objects.{IMAGE_ID_KEY} has an index outside 0..{max(1, images) - 1}")
    return tuple(indices)
