"""Images in flight: all regions of an image are described, then what keeps the rules is grounded again."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

from prepare.describe.asking.region_asker import RegionAsker, hash_file, sent_size
from prepare.describe.described_regions import TeacherImage
from prepare.describe.verifying.cycle_check import check_cycle
from prepare.describe.verifying.description import Description, VerifiedImage, VerifiedRegion
from prepare.describe.verifying.image_verdict import judge_texts, keep_best
from prepare.describe.verifying.label_words import LabelWords
from prepare.servers.answer_log import LoggedAnswer
from prepare.servers.request_budget import BudgetSpentError

MOST_UNFINISHED = 200
"""Images in a row for which the budget has no room. Earlier starts asked in the same order."""

Answers = list[LoggedAnswer | None]


@dataclass
class _ImageInFlight:
    """An image of which some regions wait for answers."""

    image: TeacherImage
    digest: str
    left: int = 0
    answers: dict[int, Answers] = field(default_factory=dict)
    judged: list[list[Description]] = field(default_factory=list)
    is_grounding: bool = False
    is_out_of_budget: bool = False


@dataclass(frozen=True)
class UnfinishedImage:
    """An image for which the budget had no room: it is asked about in the next start."""

    image: TeacherImage


def ask_about_images(
    images: Sequence[TeacherImage], asker: RegionAsker, words: LabelWords
) -> Iterator[VerifiedImage | UnfinishedImage]:
    """Yield the images as they are finished; `concurrency` regions are asked about at a time.

    An image that the log answers wholly is finished without a request, even where the budget is spent. Behind
    MOST_UNFINISHED images in a row that it does not answer, the others are not looked at.

    Raises:
        UserError: the run has to stop; what was asked by then is in the log.
    """
    pool = ThreadPoolExecutor(asker.settings.concurrency)
    try:
        yield from _Flights(images, asker, words, pool).land()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Flights:
    def __init__(
        self,
        images: Sequence[TeacherImage],
        asker: RegionAsker,
        words: LabelWords,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.waiting, self.asker, self.words, self.pool = deque(images), asker, words, pool
        self.running: dict[Future[Answers], tuple[_ImageInFlight, int]] = {}
        self.unfinished = 0

    def land(self) -> Iterator[VerifiedImage | UnfinishedImage]:
        while self.waiting or self.running:
            if self.unfinished > MOST_UNFINISHED:
                yield from map(UnfinishedImage, self.waiting)
                self.waiting.clear()
            while self.waiting and len(self.running) < 2 * self.asker.settings.concurrency:
                self._start(self.waiting.popleft())
            done, _ = wait(self.running, return_when=FIRST_COMPLETED)
            for future in done:
                flight, place = self.running.pop(future)
                flight.left -= 1
                try:
                    flight.answers[place] = future.result()
                except BudgetSpentError:
                    flight.is_out_of_budget = True
                if not flight.left and (landed := self._next(flight)) is not None:
                    self.unfinished = self.unfinished + 1 if flight.is_out_of_budget else 0
                    yield landed

    def _start(self, image: TeacherImage) -> None:
        flight = _ImageInFlight(image, hash_file(image.path))
        for place, region in enumerate(image.regions):
            self._submit(flight, place, partial(self.asker.describe, image, flight.digest, region))

    def _submit(self, flight: _ImageInFlight, place: int, work: Callable[[], Answers]) -> None:
        flight.left += 1
        self.running[self.pool.submit(work)] = flight, place

    def _next(self, flight: _ImageInFlight) -> VerifiedImage | UnfinishedImage | None:
        """Return an image that is finished; None where its descriptions go on to be grounded."""
        if flight.is_out_of_budget:
            return UnfinishedImage(flight.image)
        if flight.is_grounding:
            self._take_cycles(flight)
            return self._verified(flight)
        settings, image = self.asker.settings, flight.image
        flight.judged = judge_texts(image.regions, flight.answers, settings, self.words)
        if not settings.cycle.enabled:
            return self._verified(flight)
        flight.is_grounding = True
        flight.answers = {}
        for place, descriptions in enumerate(flight.judged):
            if texts := [description.text for description in descriptions if description.is_kept]:
                self._submit(flight, place, partial(self.asker.ground, image, flight.digest, texts))
        return None if flight.left else self._verified(flight)

    def _take_cycles(self, flight: _ImageInFlight) -> None:
        settings, image = self.asker.settings, flight.image
        sent = sent_size(image.size, settings.max_pixels)
        for place, answers in flight.answers.items():
            box, left = image.regions[place].box, iter(answers)
            flight.judged[place] = [
                check_cycle(description, next(left), box, image.size, sent, settings.cycle)
                if description.is_kept
                else description
                for description in flight.judged[place]
            ]

    def _verified(self, flight: _ImageInFlight) -> VerifiedImage:
        keep = self.asker.settings.keep
        regions = tuple(
            VerifiedRegion(region, keep_best(descriptions, keep))
            for region, descriptions in zip(flight.image.regions, flight.judged, strict=True)
        )
        return VerifiedImage(flight.image, flight.digest, regions)
