"""Labels that are those of a list, byte by byte."""

import json
from collections.abc import Sequence


class ListedLabel:
    """The labels of a list; a state is the place in the tree of their bytes."""

    start = 0

    def __init__(self, names: Sequence[str], *, is_json: bool) -> None:
        """Take the names, which are escaped in JSON."""
        self._children: list[dict[int, int]] = [{}]
        self._is_whole = [False]
        self._longest = [0]
        for name in names:
            spelled = (json.dumps(name, ensure_ascii=False)[1:-1] if is_json else name).encode()
            node = 0
            for place, byte in enumerate(spelled):
                self._longest[node] = max(self._longest[node], len(spelled) - place)
                if byte not in self._children[node]:
                    self._children[node][byte] = len(self._children)
                    self._children.append({})
                    self._is_whole.append(False)
                    self._longest.append(0)
                node = self._children[node][byte]
            self._is_whole[node] = True

    def step(self, state: int, byte: int) -> int | None:
        """Return the state after one more byte, None where no name goes on with it."""
        return self._children[state].get(byte)

    def is_whole(self, state: int) -> bool:
        """Tell whether a name ends here."""
        return self._is_whole[state]

    def choices(self, state: int) -> Sequence[int]:
        """Return the bytes with which names go on."""
        return tuple(self._children[state])

    def reserve(self, state: int) -> int:
        """Return the bytes of the longest name that goes on from here."""
        return self._longest[state]
