"""What the project needs to know about a family of vision-language models.

One folder in models/ implements `Family` for each model family; `models.lookup` finds the one of a config.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from grounding.boxes import Size
from models.cache import Cache, bytes_of
from models.shapes import Tensor, TextShape, VisionShape


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """An image as the model sees it.

    `pixel_values` is (patches, channels x frames x height x width of a patch). `image_grid_thw` is (1, 3):
    frames, rows and columns of patches. In a prompt the image is so many vision `tokens`.
    """

    pixel_values: Any
    image_grid_thw: Any
    tokens: int

    @property
    def size(self) -> int:
        """The bytes of the patches."""
        return bytes_of(self.pixel_values)


@dataclass(frozen=True)
class Prompt:
    """An encoded question: token ids, with one image token for each vision token, and the images in order.

    Prompts with the same object among their `images` show the same image. `opens_thought` says that the
    template ends within a thought. For each image, `image_ends` counts the tokens to its end; () where that
    is not known.
    """

    token_ids: list[int]
    images: tuple[EncodedImage, ...] = ()
    opens_thought: bool = False
    image_ends: tuple[int, ...] = ()

    @property
    def pixel_values(self) -> Any:
        """The patches of all images, as a model's own classes take them; None without an image."""
        return _joined([image.pixel_values for image in self.images])

    @property
    def image_grid_thw(self) -> Any:
        """The grids of all images (images, 3); None without an image."""
        return _joined([image.image_grid_thw for image in self.images])


def _joined(tensors: Sequence[Any]) -> Any:
    if len(tensors) < 2:
        return tensors[0] if tensors else None
    import paddle

    return paddle.concat(list(tensors))


@dataclass(frozen=True)
class ReadPrompts:
    """The state after prompts were read.

    `logits` (rows, vocabulary) are those after each prompt's last token, in float32; `positions` are the
    positions of these last tokens.
    """

    logits: Any
    cache: Cache
    positions: list[int]


@dataclass(frozen=True)
class LoadOptions:
    """How a model is loaded.

    With tensor parallelism the model has several `parts`, and this process holds number `part`.
    """

    dtype: str
    has_gpu: bool
    parts: int = 1
    part: int = 0


class Encoder(Protocol):
    """Tokenizer, chat template and image processor of a checkpoint."""

    tokenizer: Any

    def encode_image(self, image: Path) -> EncodedImage:
        """Encode an image, as training encodes it.

        Raises:
            UserError: the image cannot be read.
        """
        ...

    def encode(self, images: Sequence[Path | EncodedImage], messages: Sequence[Mapping[str, Any]]) -> Prompt:
        """Encode chat messages with images, in the order of their parts, as training encodes them.

        Raises:
            UserError: the image cannot be read.
        """
        ...


class ForwardPass(Protocol):
    """The forward pass with a cache, over the layers of a loaded model."""

    def read_prompts(self, prompts: Sequence[Prompt], pad_id: int) -> ReadPrompts:
        """Read prompts as one left-padded batch."""
        ...

    def extend(
        self,
        token_ids: Sequence[Sequence[int]],
        positions: Sequence[int],
        cache: Cache,
        *,
        every: bool = False,
    ) -> Any:
        """Feed text tokens of each row, and extend the cache.

        `positions` are those of each row's first token. Returns float32 logits (rows, 1, vocabulary) after
        the last tokens; with `every`, those after every token, (rows, tokens, vocabulary), where rows with
        fewer tokens are padded at the left. A row can have none; its logits have no meaning.
        """
        ...

    def extend_prompts(self, prompts: Sequence[Prompt], starts: Sequence[int], cache: Cache) -> ReadPrompts:
        """Feed the rest of prompts whose first `starts[row]` tokens each row has read, with its images.

        A start lies between images; the cache is extended.
        """
        ...

    def extend_states(
        self, token_ids: Sequence[Sequence[int]], positions: Sequence[int], cache: Cache
    ) -> Any:
        """Feed text tokens as `extend` does; return the hidden states that the logits are made of.

        They are the last layer's normalised output, (rows, tokens, width), in the model's dtype. Every
        process of a tensor parallel group has all of them.
        """
        ...


class Family(Protocol):
    """A family of vision-language models."""

    @property
    def model_types(self) -> tuple[str, ...]:
        """The values of `model_type` in config.json that belong to the family."""
        ...

    @property
    def grid(self) -> int:
        """Boxes in the model's text are integers on a 0..grid scale in both directions."""
        ...

    @property
    def end_tokens(self) -> tuple[str, ...]:
        """Any of these tokens ends an answer."""
        ...

    @property
    def template(self) -> str:
        """The name of PaddleFormers' chat template for training answers without thoughts."""
        ...

    @property
    def thinking_template(self) -> str:
        """The name of the template that starts every answer with a think block."""
        ...

    @property
    def image_tokens(self) -> tuple[str, ...]:
        """The special tokens around and for an image, which PaddleFormers' plug-in writes into the text."""
        ...

    @property
    def grounding_tokens(self) -> tuple[str, ...]:
        """The special tokens around a name and a box in a grounding answer."""
        ...

    @property
    def pixels_per_token(self) -> int:
        """The pixels of a resized image that one vision token covers."""
        ...

    @property
    def pixel_limits(self) -> tuple[int, int]:
        """The least and the most pixels of a resized image, where a recipe sets no limits."""
        ...

    def training_size(self, size: Size, min_pixels: int, max_pixels: int) -> Size:
        """Return the size to which the image processor resizes an image."""
        ...

    def published_configs(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the configs of published models by hub id."""
        ...

    def text_shape(self, config: Mapping[str, Any]) -> TextShape:
        """Return the sizes of the language model."""
        ...

    def vision_shape(self, config: Mapping[str, Any]) -> VisionShape:
        """Return the sizes of the vision tower."""
        ...

    def tensors(self, config: Mapping[str, Any]) -> list[Tensor]:
        """Return every parameter of the model."""
        ...

    def load_encoder(self, folder: Path) -> Encoder:
        """Load tokenizer, chat template and image processor from a folder."""
        ...

    def load_model(self, folder: Path, adapter: Path | None, options: LoadOptions) -> Any:
        """Load a model for inference, with its LoRA adapter unmerged if it has one."""
        ...

    def is_plain(self, model: Any) -> bool:
        """Tell whether a model is of the plain Paddle classes, over whose layers `forward_pass` runs."""
        ...

    def prompt_positions(self, config: Mapping[str, Any], prompt: Prompt) -> Any:
        """Return the (axes, length) positions of a prompt's tokens that `forward_pass` uses."""
        ...

    def forward_pass(self, model: Any) -> ForwardPass:
        """Return the forward pass of a loaded model; make a new one after the weights have changed."""
        ...
