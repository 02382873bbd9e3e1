"""Which images each row with a text of a model is about."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from grounding.errors import UserError
from infer.scoring.other_tools.known_images import AmbiguousImageError, ImageNames

ID_KEY = "image_id"
NAME_KEYS = ("image", "images", "image_path", "image_file", "file_name", "filename", "img", "path")
"""The keys of an image's path or name."""

NUMBER_KEYS = ("custom_id", "question_id", "id", "key")
"""The keys of a row's own name; it counts as the image's where every row of the file names an image by it."""

SEPARATORS = "-_:/#. "


class RowImages:
    """The images of each row of a file, and how they were found; `questions` are those of the data set.

    A row about a question with several pictures names all of them, in their order, or has the id of the first
    as its own.

    Raises:
        UserError: a row's images are not those of a question of the data set, or the rows name no image and
            their number is not that of the questions.
    """

    def __init__(
        self,
        rows: Sequence[tuple[str, dict[str, Any]]],
        names: ImageNames,
        questions: Sequence[tuple[int, ...]],
    ) -> None:
        self.of_several = {image_id: ids for ids in questions if len(ids) > 1 for image_id in ids}
        self.taken: Counter[tuple[int, ...]] = Counter()
        self.names = names
        self.by_order = False
        self.key = next((key for key in (ID_KEY, *NAME_KEYS) if rows and key in rows[0][1]), None)
        if self.key is not None:
            self.ids = [self._named(where, row, self.key) for where, row in rows]
            self.how = f"images by `{self.key}`"
            return
        for key in NUMBER_KEYS:
            if (ids := _by_row_names([row.get(key) for _, row in rows], names)) is not None:
                places = [where for where, _ in rows]
                self.ids = [self._question_of(*each, key) for each in zip(places, ids, strict=True)]
                self.how = f"images by `{key}`"
                return
        if len(rows) != len(questions):
            raise UserError(
                f"{rows[0][0]}: the rows name no image, and {len(rows)} rows are not the {len(questions)} of "
                f"the annotations, which could be matched by order: add `{ID_KEY}` or `image` to each row"
            )
        self.by_order = True
        self.ids, self.how = list(questions), "images by the order of the annotations, as the rows name none"

    def _named(self, where: str, row: Mapping[str, Any], key: str) -> tuple[int, ...]:
        value = _single(row.get(key))
        if not isinstance(value, list) or not value:
            found = self._take(where, value, key)
            if key == ID_KEY:
                return self._question_of(where, found, key)
            ids = self.of_several.get(found, (found,))
            if len(ids) > 1:
                raise UserError(
                    f"{where}: `{key}` names one picture of a question with {len(ids)}: name all in `images`"
                )
            return ids
        named = tuple(self._take(where, _single([each]), key) for each in value)
        if self.of_several.get(named[0]) != named:
            raise UserError(
                f"{where}: `{key}` has {len(named)} pictures that no question of the data set shows together "
                "in this order"
            )
        return named

    def _question_of(self, where: str, image_id: int, key: str) -> tuple[int, ...]:
        """Return the images of the question whose id is that of its first image."""
        ids = self.of_several.get(image_id, (image_id,))
        if ids[0] != image_id:
            raise UserError(
                f"{where}: `{key}` names picture {ids.index(image_id) + 1} of a question with {len(ids)}: "
                "give the id of the first, or name all in `images`"
            )
        return ids

    def _take(self, where: str, value: Any, key: str) -> int:
        """Return the next id of the image with this name, or the id itself."""
        try:
            ids = tuple(self.names.by_id(value) if key == ID_KEY else self.names.by_name(value))
        except AmbiguousImageError as error:
            raise UserError(f"{where}: {error}: write `{ID_KEY}`, or more of the path") from error
        if not ids:
            raise UserError(f"{where}: `{key}` {ascii(value)[:80]} is no image of the data set")
        self.taken[ids] += 1
        return ids[min(self.taken[ids], len(ids)) - 1]


def _single(value: Any) -> Any:
    """Return the image in a list of one, or in an object with a path."""
    for _ in range(4):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict):
            value = next((value[key] for key in ("path", "url", "file_name") if key in value), None)
    return value


def _by_row_names(values: Sequence[Any], names: ImageNames) -> list[int] | None:
    """Return the image that each row's own name names, alone or after a prefix that all share; or None."""
    if not all(isinstance(value, (str, int)) and not isinstance(value, bool) for value in values):
        return None
    texts = [str(value) for value in values]
    lowest, highest = min(texts), max(texts)
    length = next(
        (place for place, pair in enumerate(zip(lowest, highest, strict=False)) if len({*pair}) > 1),
        len(lowest),
    )
    shared = lowest[:length]
    start = max((shared.rfind(letter) + 1 for letter in SEPARATORS), default=0)
    for cut in dict.fromkeys((0, start)):
        try:
            found = [tuple(names.by_id(text[cut:])) for text in texts]
        except AmbiguousImageError:
            continue
        if all(len(ids) == 1 for ids in found) and len(set(found)) == len(found):
            return [ids[0] for ids in found]
    return None
