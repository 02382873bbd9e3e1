"""The positions of a prompt's tokens in time, height and width."""

from typing import Any

from models.family import Prompt


def text_positions(prompt: Prompt, image_token_id: int, merge_size: int) -> Any:
    """Return the (3, length) positions in time, height and width of a prompt with its images.

    An image's tokens count along their grid from the position where the text before it stopped. The text
    after the image continues from the largest position. Source: get_rope_index of Qwen3-VL.
    """
    import numpy as np

    ids = np.asarray(prompt.token_ids)
    parts: list[Any] = []
    place = position = 0
    for image in prompt.images:
        words = int(np.argmax(ids[place:] == image_token_id))
        frames, rows, columns = image.image_grid_thw[0].tolist()
        grid = np.indices((frames, rows // merge_size, columns // merge_size)).reshape(3, -1)
        parts += [_text(position, words), grid + position + words]
        place += words + grid.shape[1]
        position = int(parts[-1].max()) + 1
    return np.concatenate([*parts, _text(position, len(ids) - place)], axis=1)


def _text(first: int, length: int) -> Any:
    import numpy as np

    return np.tile(np.arange(first, first + length), (3, 1))
