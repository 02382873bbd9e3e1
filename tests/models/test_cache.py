"""The cache against attention over all tokens at once, for rows that are padded, copied, cut and joined."""

from typing import Any

import numpy as np

from models.attention import attend_grouped
from models.cache import BLOCK, Cache

HEADS, GROUP, WIDTH = 2, 3, 8
Tokens = list[Any]
"""For each token its queries (heads, group, width), key and value (heads, width)."""


def draw(count: int, seed: int) -> Tokens:
    numbers = np.random.default_rng(seed)
    return [numbers.normal(size=(HEADS, GROUP + 2, WIDTH)).astype("float32") for _ in range(count)]


def read(*rows: Tokens) -> Cache:
    """Return the cache of left-padded rows; padding has other values, which nobody may see."""
    import paddle

    length = max(map(len, rows))
    pads = [length - len(row) for row in rows]
    padded = [[*draw(pad, 99), *row] for pad, row in zip(pads, rows, strict=True)]
    tokens = np.asarray(padded).transpose(0, 2, 1, 3, 4)  # rows, heads, length, group + 2, width
    states = [tuple(paddle.to_tensor(tokens[:, :, :, GROUP + part]) for part in range(2))]
    return Cache.of(states, pads, GROUP)  # type: ignore[arg-type]


def feed(cache: Cache, *fed: Tokens) -> Any:
    """Feed each row some tokens, and return what the last of them attend to, (rows, heads, group, width)."""
    import paddle

    counts = [len(tokens) for tokens in fed]
    padded = [[*draw(max(counts) - len(tokens), 98), *tokens] for tokens in fed]
    tokens = paddle.to_tensor(np.asarray(padded))
    cache.open_slots(counts)
    attended = cache.attend(0, tokens[..., :GROUP, :], tokens[..., GROUP, :], tokens[..., GROUP + 1, :])
    cache.length += max(counts)
    return attended[:, -1].numpy()


def expected(tokens: Tokens) -> Any:
    """Return what the last of a row's tokens attends to."""
    import paddle

    every = paddle.to_tensor(np.asarray(tokens)).transpose([1, 2, 0, 3]).unsqueeze(0)
    queries = every[:, :, :GROUP, -1].unsqueeze(1)
    mask = paddle.zeros([1, HEADS, GROUP, len(tokens)])
    return attend_grouped(queries, every[:, :, GROUP], every[:, :, GROUP + 1], mask)[0, 0].numpy()


def check(attended: Any, *rows: Tokens) -> None:
    for seen, tokens in zip(attended, rows, strict=True):
        np.testing.assert_allclose(seen, expected(tokens), atol=1e-5)


def test_rows_with_padding_and_holes_see_their_own_tokens() -> None:
    one, two = draw(5, 1), draw(3, 2)
    cache = read(one, two)
    for number, counts in enumerate(((1, 1), (3, 1), (0, 2), (BLOCK, 4), (1, 1))):
        fed = [draw(count, 10 * number + row) for row, count in enumerate(counts)]
        one, two = one + fed[0], two + fed[1]
        attended = feed(cache, *fed)
        rows = [row for row, count in enumerate(counts) if count]  # without a token there is no result
        check(attended[rows], *((one, two)[row] for row in rows))


def test_copies_of_a_row_go_their_own_ways() -> None:
    one, two = draw(5, 1), draw(3, 2)
    cache = read(one, two).keep([1, 1, 0])
    fed = [draw(2, seed) for seed in (3, 4, 5)]
    check(feed(cache, *fed), two + fed[0], two + fed[1], one + fed[2])


def test_a_prefix_is_a_copy_that_can_be_joined_many_times() -> None:
    one, two = draw(5, 1), draw(3, 2)
    cache = read(one, two)
    whole, cut = cache.prefix(1), cache.prefix(0, 2)
    feed(cache, draw(1, 3), draw(1, 4))  # the original goes on
    assert (whole.length, cut.length, whole.mask.shape[-1]) == (3, 2, 3)
    assert cut.prefix(0, 1).length == 1
    joined = cut.join(whole, cut, read(draw(7, 6)), room=5)
    assert (joined.length, joined.pads, joined.mask.shape[-1]) == (7, [5, 4, 5, 0], 12)
    fed = [draw(5, seed) for seed in range(20, 24)]
    check(feed(joined, *fed), one[:2] + fed[0], two + fed[1], one[:2] + fed[2], draw(7, 6) + fed[3])
    last = [draw(1, seed) for seed in range(30, 34)]
    rows = [one[:2], two, one[:2], draw(7, 6)]
    check(feed(joined, *last), *(row + fed[n] + last[n] for n, row in enumerate(rows)))


def test_a_row_with_holes_is_alone_without_them() -> None:
    one, two = draw(5, 1), draw(3, 2)
    cache = read(one, two)
    fed = [draw(4, 3), draw(1, 4)]
    feed(cache, *fed)
    rows = [one + fed[0], two + fed[1]]
    for number, row in enumerate(rows):
        alone = cache.alone(number)
        assert (alone.length, alone.pads, alone.mask.shape[-1]) == (len(row), [0], len(row))
        more = draw(2, 5)
        check(feed(alone.join(), more), row + more)
        assert alone.prefix(0, 2).length == 2


def test_slots_that_only_others_used_are_dropped() -> None:
    one, two = draw(9, 1), draw(3, 2)
    cache = read(one, two)
    capacity = cache.mask.shape[-1]
    kept = cache.keep([1])
    assert (kept.length, kept.pads, kept.mask.shape[-1]) == (3, [0], capacity - 6)
    assert kept.size * 2 * capacity == cache.size * (capacity - 6)
    fed = draw(1, 3)
    check(feed(kept, fed), two + fed)
