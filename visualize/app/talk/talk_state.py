"""What a visitor's page knows of a conversation: clicks, region and turns. Nothing in it ever changes.

Each step gives a new state, which holds the one before the click: undoing a click brings back its region and
its conversation. The picture is a file of the visitor's own, and the mask is made again from the clicks:
neither is part of the state, which so stays small.
"""

from dataclasses import dataclass, replace

from grounding.boxes import Box
from grounding.images.region_pictures import Mask
from grounding.markup import IMAGE_PLACEHOLDER, PICTURE_MARKUP
from infer.asking.words.found_again import CycleCheck
from infer.engines.protocol import Exchange
from infer.engines.segment.segmenter import Click, hull_box
from visualize.app.texts import AppError

MOST_CLICKS = 16
"""Clicks on one object."""

MOST_UNDONE = 8
"""Clicks that can be undone."""

MOST_EXCHANGES = 16
"""Turns of one conversation: each is read by the model again with every later turn."""

LONGEST_ANSWER = 2000
"""Characters of an answer that a conversation keeps; a longer one is cut, for it is a loop."""


@dataclass(frozen=True)
class Talk:
    """A conversation about the object that `clicks` mean in a picture, of which `picture` is a hash.

    `box` is the hull of its mask, in pixels of the picture. The first of the `exchanges` is the description
    of the region, and its question has the picture's placeholder; `check` is what it led to when it was asked
    back. `before` is the state before the last
    click, None if there was none, or it is too long ago.
    """

    picture: str
    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    exchanges: tuple[Exchange, ...] = ()
    check: CycleCheck | None = None
    before: "Talk | None" = None

    def clicks_with(self, click: Click, *, is_new: bool) -> tuple[Click, ...]:
        """Return the clicks of the object with one more, or of a new object with this one alone.

        Raises:
            AppError: too many clicks, or a new object whose only click says what does not belong to it.
        """
        clicks = (click,) if is_new else (*self.clicks, click)
        if len(clicks) > MOST_CLICKS:
            raise AppError("many_clicks", MOST_CLICKS)
        if not any(each.is_positive for each in clicks):
            raise AppError("negative_click")
        return clicks

    def clicked(self, clicks: tuple[Click, ...], mask: Mask) -> "Talk":
        """Return a new conversation about what the mask of these clicks shows.

        Raises:
            AppError: the mask is empty.
        """
        box = hull_box(mask)
        if box is None:
            raise AppError("no_mask")
        before = None if self.box is None else _forgetting(self, MOST_UNDONE - 1)
        return Talk(self.picture, clicks, box, before=before)

    def undone(self) -> "Talk":
        """Return the state before the last click, with its turns; without one, no clicks."""
        return self.before if self.before is not None else Talk(self.picture)

    def answered(self, question: str, answer: str) -> "Talk":
        """Return the conversation with one more turn; an answer is kept without what stands for a picture.

        Raises:
            AppError: the conversation has its most turns already, or nothing was clicked on.
        """
        self.check_room()
        for mark in PICTURE_MARKUP:
            answer = answer.replace(mark, " ")
        return replace(self, exchanges=(*self.exchanges, Exchange(question, answer[:LONGEST_ANSWER])))

    def check_room(self) -> None:
        """Check that there is something to talk about, and room for one more turn.

        Raises:
            AppError: there is not.
        """
        if self.box is None:
            raise AppError("nothing_clicked")
        if len(self.exchanges) >= MOST_EXCHANGES:
            raise AppError("many_turns", MOST_EXCHANGES)

    @property
    def description(self) -> str:
        """The first answer, "" if the region was not described yet."""
        return self.exchanges[0].answer if self.exchanges else ""


def first_question(text: str) -> str:
    """Return a question with the picture's place, as the first of a conversation."""
    return f"{IMAGE_PLACEHOLDER}{text}"


def _forgetting(talk: Talk, most: int) -> Talk:
    """Return a state of which at most so many clicks can be undone."""
    if most <= 0 or talk.before is None:
        return replace(talk, before=None)
    return replace(talk, before=_forgetting(talk.before, most - 1))
