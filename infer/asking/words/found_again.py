"""A description is asked back: do its words lead to the region that they describe, and to nothing else?

Where they do not, the region is described once more. Source of the check: Kazemzadeh et al., ReferItGame,
2014, section 3: a phrase is good if somebody who reads it finds the object.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.boxes import Box, Size
from grounding.markup import IMAGE_PLACEHOLDER, find_markup
from grounding.prompts import Wording
from grounding.regions.led_back import FOUND_AT, LedBack, led_back
from infer.asking.parsed_answers import parse_raw_answer
from infer.asking.words.asking_for_words import parse_words
from infer.engines.live_answers import read_live
from infer.engines.protocol import Engine, RawAnswer, Request

SECOND_TEMPERATURE = 1.0
"""At this temperature a second description is sampled, where there is no other wording to ask in."""


@dataclass(frozen=True)
class CycleTarget:
    """The region that words shall lead back to, and how its box is asked for.

    `image` is the file of the whole picture, without anything that shows the region, and `size` its size;
    `box` is in its pixels. `ask` makes the question where a phrase is; `system` is the system message, ""
    for none.
    """

    image: Path
    size: Size
    box: Box
    ask: Callable[[str], str]
    system: str = ""
    found_at: float = FOUND_AT


@dataclass(frozen=True)
class CycleCheck:
    """What was found for the words of a description.

    `question` is what was asked, "" if the words cannot be asked for; `led` is where they lead. They lead
    back from the IoU `found_at` on.
    """

    question: str
    led: LedBack
    found_at: float = FOUND_AT

    @property
    def is_found(self) -> bool:
        """Whether the words lead back to the region, and to no other object."""
        return self.led.is_region(self.found_at)


@dataclass(frozen=True)
class DescribedOnce:
    """A description as far as it is known: the words so far, and its check once they are whole.

    `question` is the user message that it answers. `problems` are those of the answer, if it `is_whole`.
    """

    question: str
    words: str
    is_whole: bool = False
    problems: tuple[str, ...] = ()
    check: CycleCheck | None = None

    @property
    def is_found(self) -> bool:
        """Whether the words were asked back, and lead to their region alone."""
        return self.check is not None and self.check.is_found


def describe_and_check(
    engine: Engine, request: Request, target: CycleTarget, wordings: Sequence[Wording] = ()
) -> Generator[tuple[DescribedOnce, ...], None, None]:
    """Describe a region, ask its box back, and describe it once more if the words do not lead to it.

    `request` asks for words about a picture that shows the region; `wordings` are other ways to ask the same.
    Yields the descriptions so far, the last one growing as it is written. The last tuple is the result: one
    description, or both. Where the generator is closed early, the engine has stopped.

    Raises:
        UserError: as the engine.
    """
    done: tuple[DescribedOnce, ...] = ()
    for asked in (request, asked_otherwise(request, wordings)):
        described = DescribedOnce(asked.user, "")
        with closing(read_live(engine, replace(asked, is_free_form=True))) as answer:
            for written in answer:
                described = _described(asked.user, written)
                yield (*done, described)
        described = replace(described, check=ask_back(engine, described.words, target))
        done = (*done, described)
        yield done
        if described.is_found:
            return


def better_description(described: Sequence[DescribedOnce]) -> DescribedOnce:
    """Return the description whose words lead back to the region best; of equal ones, the first."""
    return max(described, key=lambda each: (each.is_found, each.check.led.iou if each.check else 0.0))


def ask_back(engine: Engine, words: str, target: CycleTarget) -> CycleCheck:
    """Ask where the words are in the whole picture, and compare with the region.

    Words that are none, or hold markup, are not asked for: nothing is found for them.

    Raises:
        UserError: as the engine.
    """
    if not words or find_markup(words):
        return CycleCheck("", led_back((), target.box), target.found_at)
    question = target.ask(words)
    (answer,) = engine.answer([Request((target.image,), target.system, f"{IMAGE_PLACEHOLDER}{question}")])
    found = parse_raw_answer(answer, target.size).detections
    return CycleCheck(question, led_back((item.box for item in found), target.box), target.found_at)


def asked_otherwise(request: Request, wordings: Sequence[Wording]) -> Request:
    """Return the same question in another wording, or, where there is none, for a sampled answer."""
    texts = [f"{IMAGE_PLACEHOLDER}{wording.ask_about_box('')}" for wording in wordings]
    if (other := next((text for text in texts if text != request.user), None)) is not None:
        return replace(request, user=other)
    return replace(request, temperature=SECOND_TEMPERATURE, draw=request.draw + 1)


def _described(question: str, written: str | RawAnswer) -> DescribedOnce:
    if isinstance(written, str):
        return DescribedOnce(question, written.strip())
    answered = parse_words(written)
    return DescribedOnce(question, answered.raw, True, answered.problems)
