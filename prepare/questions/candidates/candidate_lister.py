"""The candidates of each question about an image, the answers that name them, and their counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.boxes import Size
from grounding.candidates.candidate_list import CandidateList, ListedCandidate
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.candidates.detector_results import DetectorResults
from grounding.candidates.found_objects import found_objects
from grounding.candidates.listing import ListingRules
from grounding.candidates.results_file import read_detector_results
from grounding.categories import Category
from grounding.prompts import candidate_wordings, draw
from grounding.samples import Detection
from prepare.questions.candidates.candidate_counts import COUNTED
from prepare.questions.candidates.false_candidates import Falsifier
from prepare.recipe import PrepareRecipe

RECORDS, BOXES = f"{COUNTED}records", f"{COUNTED}boxes"
IMAGES, MISSING = f"{COUNTED}images", f"{COUNTED}images_missing"
OBJECTS, FOUND, FOUND_ANY = f"{COUNTED}objects", f"{COUNTED}found", f"{COUNTED}found_any"
"""Counts of a split: records with candidates, and how many these list; images that the file has, and others;
the objects of all images, those that a candidate has at an IoU of 0.5, and those under any label."""


@dataclass(frozen=True)
class ImageCandidates:
    """The candidates of an image, the best first, and its objects."""

    image: str
    size: Size
    items: tuple[ListedCandidate, ...]
    objects: tuple[Detection, ...]


@dataclass(frozen=True)
class CandidateLister:
    """Lists the boxes of a detector below the questions of a data set."""

    settings: CandidateQuestions
    results: DetectorResults
    rules: ListingRules
    falsifier: Falsifier

    def of_image(
        self,
        names: Sequence[str],
        image_id: int | None,
        image: str,
        size: Size,
        objects: Sequence[Detection],
        counts: Counter[str],
        dropped: Counter[str],
    ) -> ImageCandidates:
        """Return an image's candidates, and count the image, its objects, and those that were found.

        `names` are those of the image in the source, `image` is its path in the data set's folder.

        Raises:
            UserError: the file has several images of this name.
        """
        found = self.results.of(size, image_id, *names)
        counts[IMAGES] += found is not None
        counts[MISSING] += found is None
        items = tuple(self.rules.choose(found or (), size, dropped))
        boxes = [(item.in_pixels(size), item.label) for item in items]
        counts[OBJECTS] += len(objects)
        counts[FOUND] += sum(found_objects(objects, boxes, any_label=False))
        counts[FOUND_ANY] += sum(found_objects(objects, boxes, any_label=True))
        return ImageCandidates(image, size, items, tuple(objects))

    def of_question(
        self, of_image: ImageCandidates, question: str, counts: Counter[str], *, is_val: bool
    ) -> CandidateList | None:
        """Return the candidates that a question lists, None without any."""
        items: Sequence[ListedCandidate] = of_image.items
        if not is_val:
            key = (self.rules.seed, of_image.image, question, "candidates")
            if draw(*key, "without") / 2**64 < self.settings.without:
                return None
            done: Counter[str] = Counter()
            boxes = [item.box for item in of_image.objects]
            items = self.falsifier.falsify(items, of_image.size, boxes, key, done)
            counts.update({f"{COUNTED}{kind}": number for kind, number in done.items()})
        listed = self.rules.make_list(items, of_image.image, question)
        counts[RECORDS] += listed is not None
        counts[BOXES] += 0 if listed is None else len(listed.items)
        return listed


def open_candidates(recipe: PrepareRecipe, categories: Sequence[Category]) -> CandidateLister | None:
    """Read the candidates of a recipe; None without any.

    Raises:
        UserError: a file that cannot be read or used.
    """
    settings = recipe.candidates
    if not settings.files:
        return None
    paths = [Path(path).expanduser() for path in settings.files]
    results = read_detector_results(paths, categories, settings.ids, settings.min_score)
    rules = ListingRules(
        recipe.seed,
        candidate_wordings(recipe.language),
        settings.most,
        settings.labels,
        settings.scores,
        settings.shuffle,
    )
    return CandidateLister(
        settings, results, rules, Falsifier(settings, tuple(each.name for each in categories))
    )
