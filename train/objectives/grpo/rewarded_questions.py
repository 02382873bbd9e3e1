"""The questions that answers are sampled to, in an order that needs no memory."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grounding.errors import UserError
from grounding.layout import JSONL_FILES
from infer.sampling.known_questions import SAMPLED_SPLIT, KnownQuestion, read_known_questions
from train.objectives.grpo.difficulty import of_difficulty
from train.objectives.grpo.grpo_settings import GrpoSettings


def read_rewarded(files: Sequence[Path], settings: GrpoSettings) -> list[KnownQuestion]:
    """Read the questions of prepared data sets' training files that are asked, with their answers.

    Raises:
        UserError: not a prepared data set, or grades that are not those of its questions.
    """
    known: list[KnownQuestion] = []
    for path in files:
        if path.name != JSONL_FILES[SAMPLED_SPLIT]:
            raise UserError(
                f"{path}: grounding_grpo needs a prepared data set's {JSONL_FILES[SAMPLED_SPLIT]}"
            )
        own = read_known_questions(path.parent)
        known += of_difficulty(own, Path(settings.graded), settings.difficulty) if settings.graded else own
    return known


@dataclass(frozen=True)
class QuestionOrder:
    """Which of `count` questions an update asks: a permutation for each pass, and others for refills.

    Update, process and seed alone decide, so that a resumed run asks the same. `process` is one of
    `processes` data-parallel ones, whose questions differ.
    """

    count: int
    seed: int
    process: int = 0
    processes: int = 1

    def first(self, update: int, wanted: int) -> list[int]:
        """Return the questions that an update asks."""
        start = (update * self.processes + self.process) * wanted
        return [self._at(place) for place in range(start, start + wanted)]

    def refill(self, update: int, draw: int, wanted: int) -> list[int]:
        """Return the questions that replace those of dead groups, in the given draw."""
        source = self._source(update, self.process, draw)
        return [source.randrange(self.count) for _ in range(wanted)]

    def sampling_seed(self, update: int, draw: int) -> int:
        """Return the seed with which the answers of a draw are sampled.

        It is that of all processes, so that a question gets the same answers whichever of them asks it: the
        random numbers depend on the question, too.
        """
        return self._source(update, 0, draw).getrandbits(32)

    def _source(self, update: int, process: int, draw: int) -> random.Random:
        return random.Random(f"{self.seed} {update} {process} {draw}")

    def _at(self, place: int) -> int:
        turn, number = divmod(place, self.count)
        return _permutation(self.count, self.seed, turn)[number]


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, turn: int) -> list[int]:
    """Return the order of a pass; it is kept, as shuffling a large data set for each question takes long."""
    order = list(range(count))
    random.Random(f"{seed} {turn}").shuffle(order)
    return order
