"""Compute the positions of an image's patches once for each image size.

Upstream: rot_pos_emb and fast_pos_embed_interpolate (paddleformers/transformers/qwen3_vl/modeling.py, lines
    528 and 585) compute them in every step by hundreds of tiny operations, an eighth of the tiny model's
    time.
Patch: keep them by grid.
Remove: when PaddleFormers keeps them.
"""

from typing import Any


def remember_patch_positions() -> str:
    """Replace both methods of the vision tower."""
    import paddle
    from paddleformers.transformers.qwen3_vl import modeling

    vision = modeling.Qwen3VLVisionModel
    rotary, corners = vision.rot_pos_emb, {}

    def rot_pos_emb(self: Any, grid_thw: Any) -> Any:
        known = self.__dict__.setdefault("_rotary_by_grid", {})
        grids = [tuple(grid) for grid in grid_thw.tolist()]
        for grid in grids:
            if grid not in known:
                known[grid] = rotary(self, paddle.to_tensor([grid], dtype="int64"))
        return paddle.concat([known[grid] for grid in grids])

    def fast_pos_embed_interpolate(self: Any, grid_thw: Any) -> Any:
        side, merge = self.num_grid_per_side, self.config.spatial_merge_size
        grids = [tuple(grid) for grid in grid_thw.tolist()]
        for grid in grids:
            if (grid, side) not in corners:
                corners[grid, side] = [paddle.to_tensor(table) for table in corner_tables(grid, side, merge)]
        positions = paddle.concat([corners[grid, side][0] for grid in grids], axis=1)
        shares = paddle.concat([corners[grid, side][1] for grid in grids], axis=1)
        embedded = self.pos_embed(positions) * shares.astype(self.pos_embed.weight.dtype).unsqueeze(-1)
        return embedded[0] + embedded[1] + embedded[2] + embedded[3]

    vision.rot_pos_emb = rot_pos_emb
    vision.fast_pos_embed_interpolate = fast_pos_embed_interpolate
    return "remember_patch_positions"


def corner_tables(grid: tuple[int, int, int], side: int, merge: int) -> tuple[Any, Any]:
    """Return bilinear interpolation's corners and their weights for one image, each (4, patches).

    `grid` is (frames, rows, columns) of patches, `side` the rows and columns of the learned position
    embeddings. Patches come in the order of the merged tokens, merge x merge at a time.
    """
    import numpy as np

    frames, rows, columns = grid

    def along(count: int) -> tuple[Any, Any, Any]:
        place = np.linspace(0, side - 1, count, dtype=np.float32)
        floor = place.astype(np.int64)
        return floor, np.minimum(floor + 1, side - 1), place - floor

    top, bottom, down = (line[:, None] for line in along(rows))
    left, right, across = (line[None] for line in along(columns))
    positions = np.stack([top * side + left, top * side + right, bottom * side + left, bottom * side + right])
    shares = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])

    def merged_order(table: Any) -> Any:
        blocks = table.reshape(4, rows // merge, merge, columns // merge, merge).transpose(0, 1, 3, 2, 4)
        return np.tile(blocks.reshape(4, -1), (1, frames))

    return merged_order(positions), merged_order(shares.astype(np.float32))
