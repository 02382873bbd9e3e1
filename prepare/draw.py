"""The draw: which images of a source are usable, in which order they are taken, and how many of them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grounding.errors import UserError
from grounding.images.box_check import BoxCheck
from grounding.layout import CALIBRATION_SPLIT
from prepare.drops import DropLog, check_usable
from prepare.progress import progress_bar
from prepare.questions.objects import ObjectReader
from prepare.reasons import IMAGE_EMPTY, IMAGE_TWICE, RECORD_SHOWS_VAL, UnusableImageError
from prepare.recipe import PrepareRecipe
from prepare.source_types import Annotation, Frame, Lost, Place
from prepare.sources.source import Source

Observer = Callable[[Annotation], None]


@dataclass(frozen=True)
class Candidate:
    """A usable image: its rank in the draw, its id, and where the source finds it.

    `picture_ids` are those of all images that are shown together, its own id alone in most sources.
    """

    rank: int
    image_id: int
    place: Place
    picture_ids: frozenset[int]


@dataclass(frozen=True)
class Draw:
    """The candidates of each split in the order of the draw, and how many images each split takes.

    A source with validation files keeps its own split. Otherwise val shares the iterator of train, and takes
    its images first. A calibration part, if the recipe wants one, takes its images from train's iterator
    next: the images of both together are those that train has without it.
    """

    candidates: dict[str, Iterator[Candidate]]
    sizes: dict[str, int]


def draw_candidates(
    source: Source,
    recipe: PrepareRecipe,
    reader: ObjectReader,
    dropped: Counter[str],
    observe: Observer | None = None,
) -> Draw:
    """Scan the source and draw its images; no image file is read.

    Images that are left out are counted in `dropped`. `observe` is called with every usable training
    annotation.

    Raises:
        UserError: a file that cannot be read, boxes that contradict the recipe, too much damage, or no usable
            training image.
    """
    log = DropLog(recipe.max_bad_share, dropped)
    has_val = source.count("val") > 0
    if recipe.test_set:
        scanned = _scan(source, "val" if has_val else "train", recipe.seed, reader, log, keeps_empty=True)
        test = _unique(scanned, frozenset(), dropped)
        log.check()
        check_usable(test, source.folder, dropped, "test")
        return Draw(
            {"train": iter(()), "val": iter(test)}, {"train": 0, "val": recipe.total_samples or len(test)}
        )
    val = _unique(_scan(source, "val", recipe.seed, reader, log), frozenset(), dropped) if has_val else []
    in_val = frozenset(number for candidate in val for number in (candidate.image_id, *candidate.picture_ids))
    train = _unique(_scan(source, "train", recipe.seed, reader, log, observe), in_val, dropped)
    log.check()
    check_usable(train, source.folder, dropped)
    if recipe.total_samples is None and has_val:
        sizes = {"train": len(train), "val": len(val)}
    else:
        total = recipe.total_samples or len(train)
        val_size = round(total * recipe.val_ratio)
        sizes = {"train": total - val_size, "val": val_size}
    kept = _calibration_size(recipe, sizes["train"])
    first = [size for size in (0 if has_val else sizes["val"], kept) if size]
    candidates = iter(_kept_together(train, first))
    shared = {"train": candidates, "val": iter(val) if has_val else candidates}
    if not kept:
        return Draw(shared, sizes)
    sizes |= {"train": sizes["train"] - kept, CALIBRATION_SPLIT: kept}
    return Draw(shared | {CALIBRATION_SPLIT: candidates}, sizes)


def _calibration_size(recipe: PrepareRecipe, train: int) -> int:
    """Return how many of the training images are for calibration, 0 if the recipe wants none.

    Raises:
        UserError: none would be for it, or none would be left.
    """
    if not recipe.calibration.share:
        return 0
    kept = round(train * recipe.calibration.share)
    if not 0 < kept < train:
        raise UserError(
            f"calibration.share: {recipe.calibration.share} of {train} training images are {kept}: "
            "at least one is needed, and at least one to train on"
        )
    return kept


def _kept_together(candidates: Sequence[Candidate], sizes: Sequence[int]) -> list[Candidate]:
    """Return the candidates so that those with an image in common are in one part, where there is room.

    The parts have these sizes; what is left comes last. The order changes only where images are shared.
    """
    parts: list[list[Candidate]] = [[] for _ in sizes]
    rest: list[Candidate] = []
    for group in _groups(candidates):
        fits = (part for part, size in zip(parts, sizes, strict=True) if len(part) + len(group) <= size)
        next(fits, rest).extend(group)
    place = {id(candidate): number for number, candidate in enumerate(candidates)}
    ordered = [sorted(part, key=lambda candidate: place[id(candidate)]) for part in (*parts, rest)]
    return [candidate for part in ordered for candidate in part]


def _groups(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Return the candidates in groups that share no image, in the order of their first ones."""
    above: dict[int, int] = {}

    def root(number: int) -> int:
        while above.setdefault(number, number) != number:
            above[number] = number = above[above[number]]
        return number

    for candidate in candidates:
        first, *others = candidate.picture_ids
        for other in others:
            above[root(other)] = root(first)
    groups: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(root(next(iter(candidate.picture_ids))), []).append(candidate)
    return list(groups.values())


def draw_rank(seed: int, image_id: int) -> int:
    """Return the rank of an image in the draw, which depends on seed and id alone."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{image_id}".encode(), digest_size=8).digest(), "big")


def _scan(
    source: Source,
    split: str,
    seed: int,
    reader: ObjectReader,
    log: DropLog,
    observe: Observer | None = None,
    *,
    keeps_empty: bool = False,
) -> list[Candidate]:
    """Read the annotations of a split and return the usable images in the order of the draw."""
    found: list[Candidate] = []
    check = BoxCheck(source.box_format.order, source.box_format.units)
    with progress_bar(source.count(split), "reading annotations") as progress:
        for annotation in source.scan(split):
            if isinstance(annotation, Lost):
                log.lose(annotation)
                progress.update(annotation.images)
                continue
            log.looked_at += 1
            for query in annotation.queries:
                for numbers in query.objects.boxes:
                    check.add(numbers, annotation.size, annotation.where)
            try:
                check_annotation(annotation, reader, keeps_empty=keeps_empty)
            except UnusableImageError as error:
                log.dropped[error.reason] += 1
                log.dropped.update(error.items)
            else:
                image_id = annotation.image_id or 0
                found.append(_candidate(seed, image_id, annotation))
                if observe is not None:
                    observe(annotation)
            progress.update()
    check.finish()
    return sorted(found, key=_order)


def _candidate(seed: int, image_id: int, annotation: Annotation) -> Candidate:
    return Candidate(draw_rank(seed, image_id), image_id, annotation.place, annotation.picture_ids)


def _order(candidate: Candidate) -> tuple[object, ...]:
    """Return the sort key of the draw; rows with the same id are sorted by file name first."""
    place = candidate.place
    return candidate.rank, candidate.image_id, place.file.name, place.row, place.file


def _unique(candidates: Sequence[Candidate], taken: frozenset[int], dropped: Counter[str]) -> list[Candidate]:
    """Keep the first candidate of each image id; ids in `taken` (the other split's) count as repeated.

    A candidate that shows one of those images beside others is left out, too.
    """
    seen = set(taken)
    unique = []
    for candidate in candidates:
        if candidate.image_id in seen:
            dropped[IMAGE_TWICE] += 1
        elif candidate.picture_ids & taken:
            dropped[RECORD_SHOWS_VAL] += 1
        else:
            seen.add(candidate.image_id)
            unique.append(candidate)
    return unique


def check_annotation(annotation: Annotation, reader: ObjectReader, *, keeps_empty: bool = False) -> None:
    """Check that there is something to ask about an image, as far as its annotation tells.

    With `keeps_empty`, images without objects are asked about: published scores count what is found there. If
    the annotation does not state the image's size, the boxes are judged only when the image is read.

    Raises:
        UnusableImageError: nothing can be asked.
    """
    refusal, items = UnusableImageError(IMAGE_EMPTY), Counter[str]()
    for query in annotation.queries:
        if query.fault is not None:
            refusal = UnusableImageError(query.fault)
        elif query.record is not None or (query.expression is not None and not query.objects.boxes):
            return  # a conversation, or an expression that matches nothing
        elif keeps_empty and query.expression is None:
            return
        elif annotation.size is None:
            if query.objects.boxes:
                return
        elif reader.has_trainable(query.objects, annotation.size):
            return
        else:
            refusal = reader.refuse_objects(query.objects, Frame(annotation.size))
            items.update(refusal.items)
    raise UnusableImageError(refusal.reason, items=items)
