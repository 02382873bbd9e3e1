"""Questions encoded for Qwen3-VL as in training: token ids and the patches of the image."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, read_pixels
from models.family import EncodedImage, Prompt
from models.libraries import blaming, hide_paddlefleet, quiet
from models.processors import load_processor

IMAGE_TOKEN, VIDEO_TOKEN = "<|image_pad|>", "<|video_pad|>"
THOUGHT_START = "<think>"
IMAGE_PLUGIN = "qwen3_vl"
"""PaddleFormers' reader of images."""


class PromptEncoder:
    """Tokenizer, chat template and image processor of a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        """Load them from the folder.

        Raises:
            UserError: they cannot be loaded, or the tokenizer has no chat template.
        """
        hide_paddlefleet()
        with quiet():
            from paddleformers.datasets.template.mm_plugin import get_mm_plugin

            self.processor = load_processor(folder)
            self.images = get_mm_plugin(IMAGE_PLUGIN, image_token=IMAGE_TOKEN, video_token=VIDEO_TOKEN)
        # PaddleFormers' own function opens files of every format that Pillow knows, and fetches URLs.
        self.images._img_download = read_pixels
        # As in training, only the image processor limits the resolution (train/inside/plugin.py).
        self.processor.image_max_pixels, self.processor.image_min_pixels = math.inf, 0
        self.tokenizer = self.processor.tokenizer
        self.folder = folder
        if not self.tokenizer.chat_template or not isinstance(self.tokenizer.chat_template, str | dict):
            raise UserError(
                f"{folder}: the tokenizer has no chat template: copy tokenizer_config.json from the model"
            )

    def encode_image(self, image: Path) -> EncodedImage:
        """Encode an image; PaddleFormers' code for training reads it.

        Raises:
            UserError: the image cannot be read.
        """
        try:
            inputs = self.images.get_mm_inputs([str(image)], [], [], self.processor)
        except UNREADABLE as error:
            raise UserError(f"{image}: not usable as an image: {error}") from error
        grid = inputs["image_grid_thw"]
        tokens = math.prod(grid[0].tolist()) // self.processor.image_processor.merge_size**2
        return EncodedImage(inputs["pixel_values"], grid, tokens)

    def encode(self, images: Sequence[Path | EncodedImage], messages: Sequence[Mapping[str, Any]]) -> Prompt:
        """Encode chat messages with images, in the order of their parts.

        Raises:
            UserError: the image cannot be read, a text has a token that stands for an image, or the chat
                template fails.
        """
        _check_texts(messages)
        text = self._written(messages)
        written = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        seen = tuple(
            image if isinstance(image, EncodedImage) else self.encode_image(image) for image in images
        )
        ids, ends = self._with_vision_tokens(written, seen)
        return Prompt(ids, seen, text.rstrip().endswith(THOUGHT_START), ends)

    def _with_vision_tokens(
        self, written: list[int], images: Sequence[EncodedImage]
    ) -> tuple[list[int], tuple[int, ...]]:
        """Repeat the image token of each image, and return the token ids with the end of each image.

        A text is tokenized before: special tokens part it, so that its other tokens stay the same.
        """
        own = self.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        if images and own not in written:
            raise UserError(
                f"{self.folder}: the tokenizer has no token {IMAGE_TOKEN}: copy it from the model"
            )
        if (places := written.count(own)) != len(images):
            raise UserError(
                f"{self.folder}: the chat template has {places} places for {len(images)} pictures: "
                "copy it from the model"
            )
        ids: list[int] = []
        ends: list[int] = []
        for token in written:
            if token == own:
                ids += [own] * images[len(ends)].tokens
                ends.append(len(ids))
            else:
                ids.append(token)
        return ids, tuple(ends)

    def _written(self, messages: Sequence[Mapping[str, Any]]) -> str:
        with blaming(self.folder, "chat template"):  # it is a program of the model's author, in a sandbox
            return str(
                self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            )


def _check_texts(messages: Sequence[Mapping[str, Any]]) -> None:
    for message in messages:
        content = message["content"]
        parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        for token in (IMAGE_TOKEN, VIDEO_TOKEN):
            if any(token in part for part in parts):
                raise UserError(f"the {message['role']} message has {token} in its text: leave it out")
