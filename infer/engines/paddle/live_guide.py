"""The guide that tells an answer's characters to a listener while they are written."""

from collections.abc import Callable, Collection
from typing import Any

from infer.engines.token_texts import GrowingText


class LiveGuide:
    """Follows the text of one answer; it forbids, forces and ends nothing."""

    def __init__(self, tokenizer: Any, end_ids: Collection[int], hear: Callable[[str], None]) -> None:
        """Begin an answer; `hear` is called with whole characters, as soon as a token completes them."""
        self._text = GrowingText(tokenizer)
        self._end_ids = end_ids
        self._hear = hear

    def allowed(self) -> None:
        """Any token may come next."""

    def forced(self) -> tuple[int, ...]:
        """No token must come next."""
        return ()

    def accept(self, token_id: int) -> None:
        """Take the answer's next token, and tell the characters that it completes."""
        if token_id not in self._end_ids and (piece := self._text.add(token_id)):
            self._hear(piece)
