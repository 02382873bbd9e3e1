"""Click and talk: from a click to a mask, from the mask to a description, and on in turns.

The model sees the picture that training shows: the hull of the mask in the spotlight. Later turns of a
conversation are about the same picture, which an engine reads once.
"""

import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from grounding.boxes import Size
from grounding.card import Card, load_card
from grounding.images.region_pictures import Mask
from grounding.prompts import LANGUAGES, REGION, Wording, load_wordings, region_wordings
from grounding.regions.shown_region import draw_shown_region
from grounding.yes_no.shown_box import SPOTLIGHT
from infer.asking.parsed_answers import ParsedAnswer, parse_raw_answer
from infer.asking.words.found_again import (
    CycleTarget,
    DescribedOnce,
    better_description,
    describe_and_check,
)
from infer.engines.live_answers import read_live
from infer.engines.protocol import Request
from infer.engines.segment.segmenter import Click, MaskPrompt, Segmenter
from visualize.app.asker import Asker
from visualize.app.talk.talk_state import Talk, first_question
from visualize.app.texts import AppError
from visualize.app.visitor_input import clean_question


@dataclass(frozen=True)
class TalkStep:
    """A conversation while it goes on: its state, and what is written of the answer so far.

    `described` are the descriptions of the region so far, with their checks; () in later turns. `answered` is
    the whole answer of a later turn with its boxes, in pixels of the picture; None before.
    """

    talk: Talk
    text: str
    described: tuple[DescribedOnce, ...] = ()
    answered: ParsedAnswer | None = None


@dataclass(frozen=True)
class Talker:
    """A model that is asked, and a backend that makes masks of clicks.

    Where one of its generators is closed early, the model has stopped.
    """

    asker: Asker
    segmenter: Segmenter

    def click(
        self, talk: Talk, picture: Image.Image, click: Click, *, is_new: bool = False
    ) -> tuple[Talk, Mask]:
        """Return a new conversation about what the clicks mean, this one included, and their mask.

        Raises:
            AppError: too many clicks, or no object is there.
            UserError: as the segmenter, such as a click outside of the picture.
        """
        clicks = talk.clicks_with(click, is_new=is_new)
        mask = self.segmenter.segment(picture, MaskPrompt(clicks))[0].mask
        return talk.clicked(clicks, mask), mask

    def mask(self, talk: Talk, picture: Image.Image) -> Mask | None:
        """Return the mask of a conversation's clicks, None without any.

        Raises:
            UserError: as the segmenter.
        """
        if not talk.clicks:
            return None
        return self.segmenter.segment(picture, MaskPrompt(talk.clicks))[0].mask

    def describe(
        self, talk: Talk, picture: Image.Image, language: str = LANGUAGES[0]
    ) -> Generator[TalkStep, None, None]:
        """Describe the region of a conversation that begins, and ask its box back.

        Yields steps while the description is written. The last one has it as the first turn: of two
        descriptions, the one whose words lead back to the region better.

        Raises:
            AppError: nothing was clicked on.
            UserError: as the engine.
        """
        talk = replace(talk, exchanges=(), check=None)
        talk.check_room()
        assert talk.box is not None
        first, *others = describing_wordings(self._card(), language)
        wordings = self.asker.wordings
        with _pictures(talk, picture) as (shown, whole), self.asker.room:
            target = CycleTarget(whole, Size(*picture.size), talk.box, wordings.ask_phrase, wordings.system)
            request = Request((shown,), wordings.system, first_question(first.ask_about_box("")))
            described: tuple[DescribedOnce, ...] = ()
            with closing(
                describe_and_check(self.asker.engine, request, target, (first, *others))
            ) as descriptions:
                for described in descriptions:
                    yield TalkStep(talk, described[-1].words, described)
        chosen = better_description(described)
        checked = replace(talk.answered(chosen.question, chosen.words), check=chosen.check)
        yield TalkStep(checked, chosen.words, described)

    def say(self, talk: Talk, picture: Image.Image, text: str) -> Generator[TalkStep, None, None]:
        """Go on with a conversation: answer what a visitor says next.

        Yields steps while the answer is written. The last one has the turn and the answer's boxes.

        Raises:
            AppError: the text is empty, too long, or holds control words of the model; nothing was described
                yet, or the conversation has its most turns.
            UserError: as the engine.
        """
        question = clean_question(text)
        if not question:
            raise AppError("no_phrase")
        talk.check_room()
        if not talk.exchanges:
            raise AppError("nothing_clicked")
        with _pictures(talk, picture) as (shown, _), self.asker.room:
            request = Request(
                (shown,), self.asker.wordings.system, question, is_free_form=True, history=talk.exchanges
            )
            with closing(read_live(self.asker.engine, request)) as answer:
                for written in answer:
                    if isinstance(written, str):
                        yield TalkStep(talk, written)
                        continue
                    answered = parse_raw_answer(written, Size(*picture.size))
                    yield TalkStep(talk.answered(question, written.text), written.text, answered=answered)

    def _card(self) -> Card | None:
        dataset = self.asker.wordings.dataset
        return None if dataset is None else load_card(dataset)


def describing_wordings(card: Card | None, language: str) -> tuple[Wording, ...]:
    """Return the questions for words about a region that a picture shows, as the model was trained on them.

    Those for a description come before those for a name. Without any on the card, they are the project's, in
    this language.
    """
    trained = () if card is None else tuple(card.prompts)
    known = [
        wording
        for family in load_wordings().values()
        for wordings in family.values()
        for wording in wordings
        if wording.asks == REGION and not wording.states_box and wording.name in trained
    ]
    return tuple(known) or region_wordings(language, states_box=False, names_label=False)


@contextmanager
def _pictures(talk: Talk, picture: Image.Image) -> Iterator[tuple[Path, Path]]:
    """Write the picture that shows the region, and the whole one, while the block runs."""
    assert talk.box is not None
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "shown.png", Path(folder) / "whole.png"
        for path, image in zip(
            paths, (draw_shown_region(picture, talk.box, SPOTLIGHT), picture), strict=True
        ):
            image.save(path, "PNG", compress_level=1)
        yield paths
