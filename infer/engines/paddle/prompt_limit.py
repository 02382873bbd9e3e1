"""How long a prompt may be: from the model's length, and from the memory that is free."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from infer.engines.protocol import Request
from models.family import EncodedImage, Prompt
from models.shapes import TextShape

LONG_PROMPT = 16_384
"""The default limit in tokens: an image of 4 megapixels is 4,096. Attention takes time by the square of the
length, so that a much longer prompt would hold up all others."""

LEAST_LIMIT = 4096
"""The default limit is not lower, however little memory is free: an ordinary image has 1,024 tokens."""

MEMORY_SHARE = 0.5
"""The share of the free memory that prompts may take; answers, images and the server need the rest."""

MASK_AT_ONCE = 1 << 29
"""Elements of the mask of prompts that are read together, 3 GB on the host: it grows by the square of their
length. Eight prompts of 8,192 tokens are so many."""

TOKEN_CHARACTERS = 256
"""No token of a vocabulary has more characters: a longer text is refused before it is split into tokens."""

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's limit and use of memory are; psutil sees the whole machine."""


@dataclass(frozen=True)
class PromptLimit:
    """The most tokens of one prompt, and of prompts that are read together, with their padding."""

    tokens: int
    tokens_at_once: int

    def check_text(self, request: Request) -> None:
        """Check a request whose texts are not yet encoded.

        Raises:
            UserError: its texts have more tokens than a prompt may have.
        """
        turns = [text for turn in request.history for text in (turn.question, turn.answer)]
        if len(turns) > self.tokens:
            raise UserError(
                f"the conversation has {len(turns)} earlier messages, and the prompt may have {self.tokens} "
                "tokens (max_prompt_tokens): begin a new one"
            )
        characters = sum(map(len, (request.system, request.user, *turns)))
        if characters > self.tokens * TOKEN_CHARACTERS:
            raise UserError(
                f"the texts have {characters} characters, and the prompt may have {self.tokens} tokens "
                "(max_prompt_tokens): shorten them"
            )

    def check_images(self, images: Sequence[EncodedImage]) -> None:
        """Check several images of a request as they are encoded, so that no more are held than may be.

        Raises:
            UserError: they alone have more tokens than a prompt may have.
        """
        tokens = sum(image.tokens for image in images)
        if len(images) > 1 and tokens > self.tokens:
            raise UserError(
                f"the first {len(images)} pictures have {tokens} tokens, and the prompt may have "
                f"{self.tokens} (max_prompt_tokens): shrink them, or show fewer"
            )

    def check_prompt(self, prompt: Prompt) -> None:
        """Check an encoded prompt.

        Raises:
            UserError: it is too long.
        """
        if len(prompt.token_ids) > self.tokens:
            raise UserError(
                f"the prompt has {len(prompt.token_ids)} tokens, and may have {self.tokens} "
                "(max_prompt_tokens): shorten the text or shrink the image"
            )

    def split(self, prompts: Sequence[Prompt]) -> Iterator[slice]:
        """Yield slices of prompts that may be read together: one at least, and so many as memory allows.

        Prompts that share images have a cache of their own each. What they share ends at the same slot, and
        what follows begins there, so that the longest of both count; it can be as little as the first image.
        """
        start, longest, rest = 0, 0, 0
        for number, prompt in enumerate(prompts):
            length, own = len(prompt.token_ids), _tokens_after_image(prompt)
            longest, rest = max(longest, length), max(rest, own)
            rows = number + 1 - start
            if number > start and (
                (longest + rest) * rows > self.tokens_at_once or longest * longest * rows > MASK_AT_ONCE
            ):
                yield slice(start, number)
                start, longest, rest = number, length, own
        if start < len(prompts):
            yield slice(start, len(prompts))


def _tokens_after_image(prompt: Prompt) -> int:
    return len(prompt.token_ids) - prompt.image_ends[0] if prompt.image_ends else 0


def choose_limit(wanted: int | None, *, positions: int, free: int, token_bytes: int) -> PromptLimit:
    """Return the limit for a model that was made for so many positions; `wanted` is the user's, if any.

    `free` and `token_bytes` are bytes: of memory, and of what reading a token takes.

    Raises:
        UserError: the user wants more than the model's positions.
    """
    at_once = max(LEAST_LIMIT, int(free * MEMORY_SHARE) // token_bytes)
    if wanted is None:
        return PromptLimit(min(positions, LONG_PROMPT, at_once), at_once)
    if wanted > positions:
        raise UserError(f"max_prompt_tokens: {wanted} is more than the model's {positions} positions")
    return PromptLimit(wanted, at_once)


def bytes_per_token(shape: TextShape, element: int) -> int:
    """Return the bytes that reading a token takes, for elements of so many bytes.

    Counted are keys and values of all layers in three copies (a cache that grows is copied), the tensors of
    one layer's attention and MLP, rotations, and what the vision tower adds to the first layers.
    """
    cache = 3 * 2 * shape.layers * shape.key_width
    inner = max(shape.intermediate_size, shape.experts_per_token * shape.expert_size)
    rotations = 2 * (shape.query_width + shape.key_width)
    return element * (cache + 10 * shape.hidden_size + 4 * inner + 4 * shape.query_width + rotations)


def free_bytes(device: str) -> int:
    """Return the free memory of a device ("cpu" or "gpu"), within a container's limit."""
    if device != "cpu":
        import paddle

        total = int(paddle.device.cuda.get_device_properties().total_memory)
        return total - int(paddle.device.cuda.memory_allocated())
    import psutil

    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limit, used = (int((CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        free = min(free, max(0, limit - used))
    return free
