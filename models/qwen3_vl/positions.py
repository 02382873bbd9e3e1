"""The positions of a prompt's tokens in time, height and width."""

from typing import Any

from models.family import Prompt


def text_positions(prompt: Prompt, image_token_id: int, merge_size: int) -> Any:
    """Return the (3, length) positions in time, height and width of a prompt with one image, or with none.

    The image's tokens count along their grid from the position where the text stopped. The text after the
    image continues from the largest position. Source: get_rope_index of Qwen3-VL.
    """
    import numpy as np

    ids = np.asarray(prompt.token_ids)
    if prompt.image_grid_thw is None:
        return np.tile(np.arange(len(ids)), (3, 1))
    first = int(np.argmax(ids == image_token_id))
    frames, rows, columns = prompt.image_grid_thw[0].tolist()
    grid = np.indices((frames, rows // merge_size, columns // merge_size)).reshape(3, -1) + first
    rest = len(ids) - first - grid.shape[1]
    return np.concatenate(
        [np.tile(np.arange(first), (3, 1)), grid, np.tile(np.arange(rest) + grid.max() + 1, (3, 1))], axis=1
    )
