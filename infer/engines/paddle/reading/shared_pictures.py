"""What prompts with several pictures have in common: the first pictures, and the tokens around them."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from infer.engines.paddle.reading.read_prefix import ReadPrefix
from models.family import Prompt


def to_image_end(prompt: Prompt, images: int) -> Hashable:
    """Return what prompts must have in common to share their first images: these, and the tokens to them."""
    ids = prompt.token_ids[: prompt.image_ends[images - 1]]
    return tuple(map(id, prompt.images[:images])), tuple(ids)


def shared_beginnings(prompts: Sequence[Prompt], read: Iterable[ReadPrefix]) -> list[Prompt]:
    """Return the beginnings that prompts share with each other and not with `read`, the shortest first.

    Each ends with an image, and is the longest that a prompt shares with another one.
    """
    known = list(read)
    counts = Counter(
        to_image_end(prompt, images) for prompt in prompts for images in range(1, len(prompt.image_ends) + 1)
    )
    found: dict[Hashable, Prompt] = {}
    for prompt in prompts:
        images = next(
            (number for number in _downwards(prompt) if counts[to_image_end(prompt, number)] > 1), 0
        )
        if images and not any(_shared_images(prompt, other.prompt) >= images for other in known):
            found[to_image_end(prompt, images)] = first_images(prompt, images)
    return sorted(found.values(), key=lambda beginning: len(beginning.images))


def first_images(prompt: Prompt, images: int) -> Prompt:
    """Return the beginning of a prompt that ends with the last of its first images."""
    ends = prompt.image_ends[:images]
    ids = prompt.token_ids[: ends[-1]]
    return replace(prompt, token_ids=ids, images=prompt.images[:images], image_ends=ends)


def shared_tokens(prompt: Prompt, read: Prompt) -> int:
    """Return how many tokens of a prompt were read with another one, 0 without a common image.

    One token of the prompt at least is left: the logits after it are not known. No image is parted.
    """
    images = _shared_images(prompt, read)
    if not images:
        return 0
    most = min(_next_image(prompt, images), _next_image(read, images), len(prompt.token_ids) - 1)
    same = prompt.image_ends[images - 1]
    while same < most and prompt.token_ids[same] == read.token_ids[same]:
        same += 1
    return same if same <= most else 0


def _downwards(prompt: Prompt) -> range:
    return range(len(prompt.image_ends), 0, -1)


def _shared_images(prompt: Prompt, other: Prompt) -> int:
    """Return how many images both begin with, with the same tokens to the end of the last of them."""
    images = 0
    for one, two in zip(prompt.images, other.images, strict=False):
        if one is not two:
            break
        images += 1
    images = min(images, len(prompt.image_ends), len(other.image_ends))
    while images and to_image_end(prompt, images) != to_image_end(other, images):
        images -= 1
    return images


def _next_image(prompt: Prompt, images: int) -> int:
    """Return where the image after so many begins: the place of its first token, or the prompt's end."""
    if images == len(prompt.image_ends):
        return len(prompt.token_ids)
    return prompt.image_ends[images] - prompt.images[images].tokens
