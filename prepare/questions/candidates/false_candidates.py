"""Candidates that training makes wrong on purpose: left out, jittered, moved, relabelled or invented.

The model then neither depends on candidates nor copies them. Everything is drawn from the key alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grounding.boxes import GRID, Box, GridBox, Size, grid_has_area, to_grid
from grounding.candidates.candidate_list import ListedCandidate
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.prompts import draw
from prepare.questions.yes_no.wrong_boxes import ATTEMPTS, is_wrong, shift_box

LEFT_OUT, MOVED, RELABELLED, INVENTED = "left_out", "moved", "relabelled", "invented"
FALSE_KINDS = (MOVED, RELABELLED, INVENTED)


@dataclass(frozen=True)
class Falsifier:
    """Makes the candidates of training questions wrong; `labels` are the data set's categories."""

    settings: CandidateQuestions
    labels: tuple[str, ...]

    def falsify(
        self,
        items: Sequence[ListedCandidate],
        size: Size,
        objects: Sequence[Box],
        key: Sequence[object],
        counts: Counter[str],
    ) -> list[ListedCandidate]:
        """Return candidates as a training question lists them; what was done is counted by its kind.

        `objects` are the boxes of all objects of the image, in pixels: moved and invented candidates are
        wrong for each of them.
        """
        made: list[ListedCandidate] = []
        for number, item in enumerate(items):
            own = (*key, number)
            if _chance(own, "dropped") < self.settings.dropped:
                counts[LEFT_OUT] += 1
                continue
            item = replace(item, box=jitter_box(item.box, self.settings.jitter, own))
            if _chance(own, "falsified") >= self.settings.falsified:
                made.append(item)
                continue
            kind = FALSE_KINDS[draw(*own, "kind") % len(FALSE_KINDS)]
            made += self._make_false(kind, item, size, objects, own, counts)
        return made

    def _make_false(
        self,
        kind: str,
        item: ListedCandidate,
        size: Size,
        objects: Sequence[Box],
        key: Sequence[object],
        counts: Counter[str],
    ) -> list[ListedCandidate]:
        """Return what stands in place of a candidate; the candidate itself if nothing wrong is found."""
        others = [label for label in self.labels if label != item.label]
        if kind == RELABELLED and self.settings.labels and item.label is not None and others:
            counts[RELABELLED] += 1
            return [replace(item, label=others[draw(*key, "label") % len(others)])]
        if kind == INVENTED:
            box = invent_box(size, objects, key)
            label = self.labels[draw(*key, "label") % len(self.labels)] if self.labels else item.label
            counts[INVENTED] += box is not None
            return [item] if box is None else [item, replace(item, box=box, label=label)]
        moved = shift_box(item.in_pixels(size), size, objects, 1, key)
        counts[MOVED] += moved is not None
        return [item] if moved is None else [replace(item, box=moved)]


def jitter_box(box: GridBox, share: float, key: Sequence[object]) -> GridBox:
    """Return a box whose sides moved by up to a share of its width and height, within the grid."""
    x1, y1, x2, y2 = box
    by = [share * (2 * _chance(key, f"side {side}") - 1) for side in range(4)]
    width, height = x2 - x1, y2 - y1
    moved = (x1 + by[0] * width, y1 + by[1] * height, x2 + by[2] * width, y2 + by[3] * height)
    left, top, right, bottom = (min(max(round(value), 0), GRID) for value in moved)
    jittered = (left, top, right, bottom)
    return jittered if grid_has_area(jittered) else box


def invent_box(size: Size, objects: Sequence[Box], key: Sequence[object]) -> GridBox | None:
    """Return a box anywhere that is wrong for all objects; None if none is found."""
    for attempt in range(ATTEMPTS):
        wide, high = (0.05 + 0.45 * _chance((*key, attempt), side) for side in ("width", "height"))
        left, top = (
            room * _chance((*key, attempt), side) for room, side in ((1 - wide, "left"), (1 - high, "top"))
        )
        box = Box(
            left * size.width, top * size.height, (left + wide) * size.width, (top + high) * size.height
        )
        on_grid = to_grid(box.clipped(size), size)
        if grid_has_area(on_grid) and is_wrong(box, objects):
            return on_grid
    return None


def _chance(key: Sequence[object], name: str) -> float:
    return draw(*key, name) / 2**64
