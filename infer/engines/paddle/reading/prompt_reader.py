"""Prompts read with what they have in common once: the image, and the tokens around it.

A token's keys and values depend on the tokens before it alone. So those of a prefix serve all prompts that
begin with it.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from infer.engines.kept import Kept
from models.cache import BLOCK, Cache, bytes_of
from models.family import ForwardPass, Prompt, ReadPrompts


@dataclass(frozen=True, eq=False)
class ReadPrefix:
    """A prompt that was read, or the beginning of prompts up to some token after the image.

    `logits` (1, vocabulary) are those after the last token, and `position` is that of this token. The cache
    has one row.
    """

    prompt: Prompt
    logits: Any
    cache: Cache
    position: int

    @property
    def size(self) -> int:
        """The bytes of logits, keys, values and image."""
        tensors = (
            [self.logits] if self.prompt.pixel_values is None else [self.logits, self.prompt.pixel_values]
        )
        return self.cache.size + sum(map(bytes_of, tensors))

    def cut(self, tokens: int) -> "ReadPrefix":
        """Return its first tokens, with the whole image; their logits are not known."""
        dropped = len(self.prompt.token_ids) - tokens
        if not dropped:
            return self
        prompt = replace(self.prompt, token_ids=self.prompt.token_ids[:tokens])
        return ReadPrefix(prompt, self.logits, self.cache.prefix(0, tokens), self.position - dropped)


class PromptReader:
    """Reads the prompts of one call, some at a time; those about one image share what they begin with."""

    def __init__(self, forward: ForwardPass, prompts: Sequence[Prompt], pad_id: int, kept: Kept) -> None:
        """Take all prompts, and what is kept of earlier calls with the same weights."""
        self._forward, self._prompts, self._pad_id, self._kept = forward, prompts, pad_id, kept
        self._heads = [_head(prompt) for prompt in prompts]
        self._unread = Counter(self._heads)
        self._prefixes: dict[Hashable, ReadPrefix] = {}

    def read(self, numbers: Sequence[int]) -> ReadPrompts:
        """Read the prompts of these numbers, and return their state in this order."""
        heads = [self._heads[number] for number in numbers]
        prompts = [self._prompts[number] for number in numbers]
        for head in heads:
            if head not in self._prefixes and (found := self._kept.find(head)) is not None:
                self._prefixes[head] = found
        new = [head for head in dict.fromkeys(heads) if head not in self._prefixes]
        read = self._read_prefixes(new, is_all=new == heads) if new else None
        if read is None:
            read = self._read_rests(heads, prompts)
        for head in heads:
            self._unread[head] -= 1
            if not self._unread[head]:
                self._prefixes.pop(head, None)
        return read

    def _read_prefixes(self, heads: Sequence[Hashable], *, is_all: bool) -> ReadPrompts | None:
        """Read what the prompts of each head begin with, and hold it for them.

        Returns the state if these are whole prompts and all that is wanted.
        """
        begun = [self._begun(head) for head in heads]
        read = self._forward.read_prompts([prompt for prompt, _ in begun], self._pad_id)
        is_done = is_all and all(is_whole for _, is_whole in begun)
        for row, (head, (prompt, _)) in enumerate(zip(heads, begun, strict=True)):
            if is_done and self._unread[head] == 1 and not self._kept.most_bytes:
                continue
            logits = read.logits[row : row + 1].clone()
            self._prefixes[head] = ReadPrefix(prompt, logits, read.cache.prefix(row), read.positions[row])
            self._kept.put(head, self._prefixes[head])
        return read if is_done else None

    def _begun(self, head: Hashable) -> tuple[Prompt, bool]:
        """Return what the prompts of a head begin with, and whether it is a whole prompt."""
        members = [prompt for own, prompt in zip(self._heads, self._prompts, strict=True) if own == head]
        ids = members[0].token_ids
        cut = _shared(ids, [prompt.token_ids for prompt in members])
        return replace(members[0], token_ids=ids[:cut]), cut == len(ids)

    def _read_rests(self, heads: Sequence[Hashable], prompts: Sequence[Prompt]) -> ReadPrompts:
        """Read the prompts from where their prefixes end; equal prompts are read once."""
        import paddle

        places: dict[tuple[Hashable, tuple[int, ...]], int] = {}
        rows = [
            places.setdefault((head, tuple(prompt.token_ids)), len(places))
            for head, prompt in zip(heads, prompts, strict=True)
        ]
        prefixes = {}
        for head in dict.fromkeys(heads):
            read = self._prefixes[head]
            own = [ids for other, ids in places if other == head]
            prefixes[head] = read.cut(_shared(read.prompt.token_ids, own))
        begun = [prefixes[head] for head, _ in places]
        rests = [ids[len(prefix.prompt.token_ids) :] for (_, ids), prefix in zip(places, begun, strict=True)]
        caches = [prefix.cache for prefix in begun]
        cache = caches[0].join(*caches[1:], room=BLOCK + max(map(len, rests)))
        logits = paddle.concat([prefix.logits for prefix in begun])
        if any(rests):
            extended = self._forward.extend(rests, [prefix.position + 1 for prefix in begun], cache)[:, 0]
            chosen = [row + len(rests) * bool(rest) for row, rest in enumerate(rests)]
            logits = paddle.concat([logits, extended]).index_select(paddle.to_tensor(chosen))
        positions = [prefix.position + len(rest) for prefix, rest in zip(begun, rests, strict=True)]
        if len(rows) > len(places):
            cache, logits = cache.keep(rows), logits.index_select(paddle.to_tensor(rows))
        return ReadPrompts(logits, cache, [positions[row] for row in rows])


def _head(prompt: Prompt) -> Hashable:
    """Return what two prompts must have in common to share an image: it, and the tokens to its end.

    A prompt that ends with its image, or does not say where the image ends, shares nothing.
    """
    if not 0 < prompt.image_end < len(prompt.token_ids):
        return object()
    return id(prompt.pixel_values), tuple(prompt.token_ids[: prompt.image_end])


def _shared(read: Sequence[int], prompts: Iterable[Sequence[int]]) -> int:
    """Return how many tokens of `read` serve all prompts.

    All of them serve equal prompts. Otherwise each prompt has one more token at least: the logits after it
    are not known.
    """
    every = [list(read), *map(list, prompts)]
    if all(ids == every[0] for ids in every):
        return len(read)
    # What the first and the last in the order of lists have in common, all have in common.
    same = takewhile(lambda pair: pair[0] == pair[1], zip(min(every), max(every), strict=False))
    return min(sum(1 for _ in same), *(len(ids) - 1 for ids in every[1:]))
