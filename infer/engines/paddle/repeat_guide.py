"""The guide that ends an answer where it begins to repeat itself."""

from collections.abc import Collection
from itertools import accumulate
from typing import Any

from grounding.answers.repeats import RepeatStop, RepeatWatch
from infer.engines.paddle.guides import Ending
from infer.engines.token_texts import GrowingText


class RepeatGuide:
    """Follows the text of one answer; it forbids and forces nothing.

    Of an answer that is ended, the tokens up to the one across `RepeatStop.place` are kept.
    """

    def __init__(
        self, tokenizer: Any, end_ids: Collection[int], *, thinks: bool, about_several: bool = False
    ) -> None:
        """Begin an answer, inside of a thought or not, to a question about one picture or several."""
        self._text = GrowingText(tokenizer)
        self._end_ids = end_ids
        self._watch = RepeatWatch(thinks, about_several)
        self._lengths: list[int] = []

    def allowed(self) -> None:
        """Any token may come next."""

    def forced(self) -> tuple[int, ...]:
        """No token must come next."""
        return ()

    def accept(self, token_id: int) -> Ending | None:
        """Take the answer's next token, and return where the answer ends if it repeats itself."""
        if token_id in self._end_ids:
            return None
        piece = self._text.add(token_id)
        self._lengths.append(len(piece))
        stop = self._watch.add(piece)
        return None if stop is None else Ending(self._tokens_before(stop.place), stop.problem)

    def finish(self) -> RepeatStop | None:
        """The answer has ended: return where it repeats itself, None if it does not."""
        self._watch.add(self._text.finish())
        return self._watch.finish()

    def _tokens_before(self, place: int) -> int:
        """Return how many tokens begin before a place in the text."""
        starts = accumulate(self._lengths, initial=0)
        return sum(start < place for start, _ in zip(starts, self._lengths, strict=False))
