"""The positions of a record's tokens in time, height and width, as the model numbers them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def token_positions(
    token_ids: Sequence[int], grids: npt.NDArray[np.int64], image_token_id: int, merge_size: int
) -> npt.NDArray[np.int32]:
    """Return the (3, length) positions of a record's tokens; `grids` (images, 3) are in patches.

    The tokens of an image count along its grid from the position where the text before it stopped, and the
    text after it goes on from the largest of them. Source: Qwen3VLModel.get_rope_index in
    paddleformers/transformers/qwen3_vl/modeling.py.
    """
    ids = np.asarray(token_ids)
    parts: list[npt.NDArray[np.int64]] = []
    place, position = 0, 0
    for frames, rows, columns in grids.tolist():
        is_image = ids[place:] == image_token_id
        if not is_image.any():
            break
        text = int(np.argmax(is_image))
        parts.append(np.tile(np.arange(text) + position, (3, 1)))
        position += text
        grid = np.indices((frames, rows // merge_size, columns // merge_size)).reshape(3, -1)
        parts.append(grid + position)
        position += int(grid.max()) + 1
        place += text + grid.shape[1]
    parts.append(np.tile(np.arange(len(ids) - place) + position, (3, 1)))
    return np.concatenate(parts, axis=1).astype(np.int32)
