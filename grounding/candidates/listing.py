"""Which boxes of a detector a question lists, and in which order: the same in preparing and in inference."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grounding.boxes import Size, grid_has_area, to_grid
from grounding.candidates.candidate_list import CandidateList, ListedCandidate
from grounding.candidates.detector_results import NO_AREA_ON_GRID, OUTSIDE, TWICE, DetectedBox
from grounding.prompts import Wording, draw, draw_wording


@dataclass(frozen=True)
class ListingRules:
    """How questions list candidates.

    `most` is the largest number of them, those with the best scores. `wordings` introduce them. Everything
    that is drawn depends on `seed`, image and question alone.
    """

    seed: int
    wordings: tuple[Wording, ...]
    most: int = 30
    shows_labels: bool = True
    shows_scores: bool = False
    shuffles: bool = True

    def choose(
        self, found: Iterable[DetectedBox], size: Size, faults: Counter[str] | None = None
    ) -> list[ListedCandidate]:
        """Return the best boxes of an image of this size, the best score first; others count in `faults`.

        What lies outside the image is cut off. Where labels are not shown, boxes of several labels are one.
        """
        counted = Counter[str]() if faults is None else faults
        chosen: dict[object, ListedCandidate] = {}
        for item in sorted(found, key=_best_first):
            inside = item.box.clipped(size)
            if not inside.has_area:
                counted[OUTSIDE] += 1
            elif not grid_has_area(box := to_grid(inside, size)):
                counted[NO_AREA_ON_GRID] += 1
            elif (key := (box, item.label if self.shows_labels else None)) in chosen:
                counted[TWICE] += 1
            else:
                chosen[key] = ListedCandidate(box, item.label, item.score)
        return list(chosen.values())[: self.most]

    def make_list(self, items: Sequence[ListedCandidate], image: str, question: str) -> CandidateList | None:
        """Return the candidates of a question about an image, numbered; None without any."""
        if not items:
            return None
        key = (self.seed, image, question, "candidates")
        if self.shuffles:
            items = sorted(items, key=lambda item: draw(*key, *item.box, item.label))
        ask = draw_wording(self.wordings, *key, "wording").template
        return CandidateList(ask, tuple(items), self.shows_labels, self.shows_scores)


def _best_first(item: DetectedBox) -> tuple[float, tuple[float, ...], str]:
    return -(item.score or 0.0), item.box.xyxy, item.label or ""
