"""Qwen3-VL, dense and mixture of experts, as a member of the model families."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import GRID, Size
from grounding.markup import GROUNDING_TOKENS
from models.family import Encoder, ForwardPass, LoadOptions, Prompt
from models.qwen3_vl import parameters
from models.qwen3_vl.encoding import IMAGE_TOKEN, PromptEncoder
from models.qwen3_vl.forward import Forward
from models.qwen3_vl.plain_classes import PLAIN_CLASSES, load_plain, plain_class
from models.qwen3_vl.positions import text_positions
from models.qwen3_vl.resolution import FACTOR, MAX_PIXELS, MIN_PIXELS, training_size
from models.shapes import Tensor, TextShape, VisionShape


@dataclass(frozen=True)
class Qwen3VL:
    """The Qwen3-VL family.

    `end_tokens` are the eos_token_id in the generation_config.json of the Instruct models. The model's own
    answers and its grounding tokens give boxes on the 0..1000 grid.
    """

    model_types: tuple[str, ...] = tuple(PLAIN_CLASSES)
    grid: int = GRID
    end_tokens: tuple[str, ...] = ("<|im_end|>", "<|endoftext|>")
    template: str = "qwen3_vl_nothink"
    thinking_template: str = "qwen3_vl"
    image_tokens: tuple[str, ...] = ("<|vision_start|>", "<|vision_end|>", IMAGE_TOKEN)
    grounding_tokens: tuple[str, ...] = GROUNDING_TOKENS
    pixels_per_token: int = FACTOR**2
    pixel_limits: tuple[int, int] = (MIN_PIXELS, MAX_PIXELS)

    def training_size(self, size: Size, min_pixels: int, max_pixels: int) -> Size:
        """Return the size to which the image processor resizes an image."""
        return training_size(size, min_pixels, max_pixels)

    def published_configs(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the configs of published models by hub id."""
        return parameters.read_published_configs()

    def text_shape(self, config: Mapping[str, Any]) -> TextShape:
        """Return the sizes of the language model."""
        return parameters.text_shape(config)

    def vision_shape(self, config: Mapping[str, Any]) -> VisionShape:
        """Return the sizes of the vision tower."""
        return parameters.vision_shape(config)

    def tensors(self, config: Mapping[str, Any]) -> list[Tensor]:
        """Return every parameter of the model."""
        return parameters.tensors(config)

    def load_encoder(self, folder: Path) -> Encoder:
        """Load tokenizer, chat template and image processor from a folder."""
        return PromptEncoder(folder)

    def load_model(self, folder: Path, adapter: Path | None, options: LoadOptions) -> Any:
        """Load a model for inference, with its LoRA adapter unmerged if it has one."""
        return load_plain(folder, adapter, options)

    def is_plain(self, model: Any) -> bool:
        """Tell whether a model is of the plain Paddle classes, over whose layers `forward_pass` runs."""
        return isinstance(model, plain_class(model.config.model_type))

    def prompt_positions(self, config: Mapping[str, Any], prompt: Prompt) -> Any:
        """Return the (3, length) positions of a prompt's tokens in time, height and width."""
        merge_size = config["vision_config"]["spatial_merge_size"]
        return text_positions(prompt, config["image_token_id"], merge_size)

    def forward_pass(self, model: Any) -> ForwardPass:
        """Return the forward pass of a loaded model; make a new one after the weights have changed."""
        return Forward(model)
