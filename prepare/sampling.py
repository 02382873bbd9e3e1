"""The draw: which images of a source are usable, and in which order they are taken."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from prepare.faults import Faults
from prepare.progress import progress_bar
from prepare.questions.objects import has_trainable
from prepare.sources.shared.box_check import BoxCheck
from prepare.sources.source import Annotation, BoxFormat, Lost, Place, Source

IMAGE_WITHOUT_OBJECTS = "image has no usable objects"
IMAGE_UNEVEN_LISTS = "image has object lists of different lengths"
IMAGE_TWICE = "image is listed twice"

Observer = Callable[[Annotation], None]


@dataclass(frozen=True, order=True)
class Candidate:
    """A usable image: its rank in the draw, and where its row is.

    The order is that of the draw; of two rows with one image id, the first in it is kept.
    """

    rank: int
    image_id: int
    file_name: str
    row: int
    path: Path

    @property
    def place(self) -> Place:
        """Where the source finds the image."""
        return self.path, self.row


def rank(seed: int, image_id: int) -> int:
    """Return the place of an image in the draw: it depends on nothing but seed and id."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{image_id}".encode(), digest_size=8).digest(), "big")


def scan(
    source: Source,
    split: str,
    names: Collection[str],
    seed: int,
    faults: Faults,
    taken: frozenset[int] = frozenset(),
    observe: Observer | None = None,
) -> list[Candidate]:
    """Read the annotations of a split and return its usable images in the order of the draw.

    Images left out are counted in `faults` by reason; an id in `taken` (the other split's) counts as a
    repetition, so that no image is in both splits. `observe` is called with every usable annotation. An
    image whose size the annotations do not state is judged when it is read.

    Raises:
        UserError: a file that cannot be read, or boxes that contradict the recipe.
    """
    found: list[Candidate] = []
    check = BoxCheck(source.box_format)
    with progress_bar(source.count(split), "reading annotations") as progress:
        for annotation in source.scan(split):
            if isinstance(annotation, Lost):
                faults.lose(annotation)
                progress.update(annotation.images)
                continue
            faults.looked_at += 1
            for query in annotation.queries:
                for numbers in query.objects.boxes:
                    check.add(numbers, annotation.size, annotation.where)
            reason = _find_fault(annotation, source.box_format, names)
            if reason is None:
                path, row = annotation.place
                number = annotation.image_id or 0
                found.append(Candidate(rank(seed, number), number, path.name, row, path))
                if observe is not None:
                    observe(annotation)
            else:
                faults.dropped[reason] += 1
            progress.update()
    check.finish()
    found.sort()
    return _without_repetitions(found, taken, faults.dropped)


def _without_repetitions(
    found: Sequence[Candidate], taken: frozenset[int], dropped: Counter[str]
) -> list[Candidate]:
    seen = set(taken)
    unique = []
    for candidate in found:
        if candidate.image_id in seen:
            dropped[IMAGE_TWICE] += 1
        else:
            seen.add(candidate.image_id)
            unique.append(candidate)
    return unique


def _find_fault(annotation: Annotation, box_format: BoxFormat, names: Collection[str]) -> str | None:
    """Return why an image cannot be used, or None; without its size, only whether there is anything."""
    fault = IMAGE_WITHOUT_OBJECTS
    for query in annotation.queries:
        if query.fault is not None:
            fault = query.fault
            continue
        if query.record is not None or (query.expression is not None and not query.objects.boxes):
            return None  # a conversation, or a phrase that matches nothing
        if annotation.size is None:
            if query.objects.boxes:
                return None
            continue
        try:
            if has_trainable(query.objects, annotation.size, box_format, names):
                return None
        except ValueError:
            return IMAGE_UNEVEN_LISTS
    return fault
