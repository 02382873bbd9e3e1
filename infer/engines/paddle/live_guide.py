"""The guide that tells an answer's characters to a listener while they are written."""

from collections.abc import Collection
from typing import Any

from infer.engines.live_answers import NOBODY_LISTENS, Listener, NobodyListensError
from infer.engines.paddle.guides import Ending
from infer.engines.token_texts import GrowingText


class LiveGuide:
    """Follows the text of one answer; it forbids and forces nothing, and ends it where nobody listens."""

    def __init__(self, tokenizer: Any, end_ids: Collection[int], hear: Listener) -> None:
        """Begin an answer; `hear` is called with whole characters, as soon as a token completes them."""
        self._text = GrowingText(tokenizer)
        self._end_ids = end_ids
        self._hear = hear
        self._tokens = 0

    def allowed(self) -> None:
        """Any token may come next."""

    def forced(self) -> tuple[int, ...]:
        """No token must come next."""
        return ()

    def accept(self, token_id: int) -> Ending | None:
        """Take the answer's next token, and tell the characters that it completes."""
        if token_id in self._end_ids:
            return None
        self._tokens += 1
        piece = self._text.add(token_id)
        try:
            if piece:
                self._hear(piece)
        except NobodyListensError:
            return Ending(self._tokens, NOBODY_LISTENS)
        return None
