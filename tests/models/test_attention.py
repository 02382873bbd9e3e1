"""Attention by blocks of queries against attention at once."""

from functools import partial

import pytest

from models import attention


@pytest.mark.parametrize(
    ("length", "scores", "blocks"), [(50, 1 << 26, 1), (300, 1, 4), (200, 8 * 200 * 150, 2)]
)
@pytest.mark.parametrize("elements", [0, 1 << 24])
def test_blocks_give_what_the_whole_gives(
    length: int, scores: int, blocks: int, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import paddle

    paddle.seed(0)
    rows, heads, group, width = 2, 2, 2, 16
    queries = paddle.randn([rows, length, heads, group, width])
    keys, values = (paddle.randn([rows, heads, length, width]) for _ in range(2))
    mask_of = partial(attention.left_padded_mask, [0, 7], length, queries.dtype)
    whole = attention.attend_grouped(queries, keys, values, mask_of().tile([1, heads, group, 1]))
    monkeypatch.setattr(attention, "SCORES_AT_ONCE", scores)
    monkeypatch.setattr(attention, "SPREAD_ELEMENTS", elements)
    assert len(attention.query_blocks(length, rows * heads * group, length)) == blocks
    masks = attention.spread_over_heads(mask_of, heads, group)
    assert masks(0, 10).shape == [rows, heads if elements else 1, group * 10, length]
    seen = attention.attend_in_blocks(queries, keys, values, masks)
    assert seen.shape == whole.shape
    assert float((seen - whole).abs().max()) < 1e-6


@pytest.mark.parametrize("length", [1, 63, 64, 65, 127, 128, 129, 1000, 100_000])
@pytest.mark.parametrize("rows", [1, 12, 256])
def test_blocks_cover_a_prompt_and_hold_few_scores(length: int, rows: int) -> None:
    blocks = attention.query_blocks(length, rows, length)
    assert [place for start, stop in blocks for place in range(start, stop)] == list(range(length))
    least = min(length, attention.LEAST_BLOCK)
    assert all(stop - start >= least for start, stop in blocks)
    most = max(attention.SCORES_AT_ONCE // (rows * length), attention.LEAST_BLOCK)
    assert all(stop - start < most + attention.LEAST_BLOCK for start, stop in blocks)
