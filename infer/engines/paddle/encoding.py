"""Requests encoded for Qwen3-VL on PaddlePaddle, as in training: token ids, patches, and their places."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding.errors import UserError
from infer.engines.libraries import quiet
from infer.engines.protocol import Request, chat_messages

IMAGE_TOKEN, VIDEO_TOKEN = "<|image_pad|>", "<|video_pad|>"


@dataclass(frozen=True)
class Prompt:
    """An encoded request: token ids with the image's tokens spelled out, patches, and their grid.

    `pixel_values` is (patches, channels x frames x height x width of a patch), `image_grid_thw` (1, 3):
    frames, rows and columns of patches.
    """

    token_ids: list[int]
    pixel_values: Any
    image_grid_thw: Any


class PromptEncoder:
    """Tokenizer, chat template and image processor of a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        """Load them from the folder."""
        with quiet():
            from paddleformers.datasets.template.mm_plugin import get_mm_plugin
            from paddleformers.transformers import AutoProcessor

            self.processor = AutoProcessor.from_pretrained(str(folder))
            self.images = get_mm_plugin("qwen3_vl", image_token=IMAGE_TOKEN, video_token=VIDEO_TOKEN)
        # As in training: the image processor alone decides about the resolution (train/inside/plugin.py).
        self.processor.image_max_pixels, self.processor.image_min_pixels = math.inf, 0
        self.tokenizer = self.processor.tokenizer
        if not self.tokenizer.chat_template:
            raise UserError(
                f"{folder}: the tokenizer has no chat template: copy tokenizer_config.json from the model"
            )

    def encode(self, request: Request) -> Prompt:
        """Encode one request.

        The image goes through the very code by which PaddleFormers reads it for training.

        Raises:
            UserError: the image cannot be read.
        """
        try:
            inputs = self.images.get_mm_inputs([str(request.image)], [], [], self.processor)
        except (OSError, ValueError) as error:
            raise UserError(f"{request.image}: not usable as an image: {error}") from error
        grid = inputs["image_grid_thw"]
        tokens = math.prod(grid[0].tolist()) // self.processor.image_processor.merge_size**2
        text = self.tokenizer.apply_chat_template(
            chat_messages(request), tokenize=False, add_generation_prompt=True
        )
        before, _, after = text.partition(IMAGE_TOKEN)
        text = f"{before}{IMAGE_TOKEN * tokens}{after}"
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return Prompt(list(ids), inputs["pixel_values"], grid)


def text_positions(prompt: Prompt, image_token_id: int, merge_size: int) -> Any:
    """Return the (3, length) positions in time, height and width of a prompt with one image.

    The image's tokens count in their grid from where the text stopped; the text goes on after the largest.
    Source: get_rope_index of Qwen3-VL.
    """
    ids = np.asarray(prompt.token_ids)
    first = int(np.argmax(ids == image_token_id))
    frames, rows, columns = prompt.image_grid_thw[0].tolist()
    grid = np.indices((frames, rows // merge_size, columns // merge_size)).reshape(3, -1) + first
    rest = len(ids) - first - grid.shape[1]
    return np.concatenate(
        [np.tile(np.arange(first), (3, 1)), grid, np.tile(np.arange(rest) + grid.max() + 1, (3, 1))], axis=1
    )
