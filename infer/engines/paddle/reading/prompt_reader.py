"""Prompts read with what they have in common once: the images, and the tokens around them.

A token's keys and values depend on the tokens before it alone. So those of a prefix serve all prompts that
begin with it. Prompts about the same images share a prefix with all of them. The prefixes of prompts that
have only the first images in common are read from where these end.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from infer.engines.kept import Kept
from infer.engines.paddle.reading.read_prefix import ReadPrefix
from infer.engines.paddle.reading.shared_pictures import shared_beginnings, shared_tokens, to_image_end
from models.cache import BLOCK
from models.family import ForwardPass, Prompt, ReadPrompts


class PromptReader:
    """Reads the prompts of one call, some at a time; those about the same images share their beginning."""

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
        prompts = [prompt for prompt, _ in begun]
        known = self._known()
        if any(len(prompt.images) > 1 for prompt in prompts):
            for beginning in shared_beginnings(prompts, known):
                [prefix] = self._read_after([beginning], known)
                known.append(prefix)
                self._kept.put(to_image_end(beginning, len(beginning.images)), prefix)
        if any(shared_tokens(prompt, other.prompt) for prompt in prompts for other in known):
            for head, prefix in zip(heads, self._read_after(prompts, known), strict=True):
                self._hold(head, prefix)
            return None
        read = self._forward.read_prompts(prompts, self._pad_id)
        is_done = is_all and all(is_whole for _, is_whole in begun)
        for row, (head, (prompt, _)) in enumerate(zip(heads, begun, strict=True)):
            if is_done and self._unread[head] == 1 and not self._kept.most_bytes:
                continue
            logits = read.logits[row : row + 1].clone()
            self._hold(head, ReadPrefix(prompt, logits, read.cache.prefix(row), read.positions[row]))
        return read if is_done else None

    def _hold(self, head: Hashable, prefix: ReadPrefix) -> None:
        """Hold a prefix for the prompts that begin with it, and keep it for later calls."""
        self._prefixes[head] = prefix
        self._kept.put(head, prefix)

    def _known(self) -> list[ReadPrefix]:
        """Return all that was read and is held or kept."""
        kept = (thing for thing in self._kept.all() if isinstance(thing, ReadPrefix))
        return list({id(prefix): prefix for prefix in (*self._prefixes.values(), *kept)}.values())

    def _read_after(self, prompts: Sequence[Prompt], known: Sequence[ReadPrefix]) -> list[ReadPrefix]:
        """Read prompts from where what is known of them ends."""
        found: dict[int, ReadPrefix] = {}
        starts: dict[int, tuple[int, ReadPrefix]] = {}
        for number, prompt in enumerate(prompts):
            shares = [(shared_tokens(prompt, other.prompt), other) for other in known]
            most = max(shares, key=lambda share: share[0], default=(0, None))
            if most[0] and most[1] is not None:
                starts[number] = most[0], most[1]
        if new := [number for number in range(len(prompts)) if number not in starts]:
            read = self._forward.read_prompts([prompts[number] for number in new], self._pad_id)
            for row, number in enumerate(new):
                logits = read.logits[row : row + 1].clone()
                cache = read.cache.prefix(row)
                found[number] = ReadPrefix(prompts[number], logits, cache, read.positions[row])
        if starts:
            rests = [prompts[number] for number in starts]
            lengths = [start for start, _ in starts.values()]
            longest = max(len(rest.token_ids) - start for rest, start in zip(rests, lengths, strict=True))
            caches = [prefix.cache.prefix(0, start) for start, prefix in starts.values()]
            joined = caches[0].join(*caches[1:], room=longest)
            read = self._forward.extend_prompts(rests, lengths, joined)
            for row, number in enumerate(starts):
                logits = read.logits[row : row + 1].clone()
                cache = read.cache.alone(row)
                found[number] = ReadPrefix(prompts[number], logits, cache, read.positions[row])
        return [found[number] for number in range(len(prompts))]

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
    """Return what two prompts must have in common to be about the same images: these, and the tokens to them.

    A prompt that ends with an image, or does not say where its images end, shares nothing.
    """
    if not prompt.image_ends or prompt.image_ends[-1] >= len(prompt.token_ids):
        return object()
    return to_image_end(prompt, len(prompt.images))


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
