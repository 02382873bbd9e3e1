"""`python -m infer.segment IMAGE WORD [WORD ...] [key=value ...]`: an object's mask, to look at."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import UserError, print_result, run_command
from grounding.recipe.loading import load_settings
from grounding.recipe.schema import describe_keys, setting
from infer.engines.segment.segmenter_settings import SegmenterSettings
from infer.engines.settings import check_choices

if TYPE_CHECKING:
    from infer.engines.segment.segmenter import MaskPrompt

SHOWN = ("spotlight", "outline")
EXAMPLE = """words, in pixels of the upright picture:
  x,y             a click on the object
  not:x,y         a click on what does not belong to it
  box:x1,y1,x2,y2 left, top, right and bottom of a box around it

example:
  python -m infer.segment photo.jpg 320,240 not:400,250 output_dir=masks"""


@dataclass(frozen=True, kw_only=True)
class SegmentSettings(SegmenterSettings):
    """The backend, and what is written."""

    show: str = setting(" | ".join(SHOWN) + ": how the object is shown in the second file", SHOWN[0])
    output_dir: str = setting("folder of NAME_mask.png and NAME_SHOW.png", ".")

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: as `SegmenterSettings`, or another way to show.
        """
        super().__post_init__()
        check_choices(self, {"show": SHOWN})


def main(argv: Sequence[str] | None = None) -> int:
    """Write the best mask and a picture that shows it, and print what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.segment",
        description="Find the pixels of an object by clicks or a box, and write them as pictures.",
        epilog="keys:\n" + "\n".join(describe_keys(SegmentSettings)) + "\n\n" + EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", metavar="IMAGE", type=Path, help="image file")
    parser.add_argument(
        "words", metavar="WORD", nargs="+", help="x,y | not:x,y | box:x1,y1,x2,y2 | key=value"
    )
    arguments = parser.parse_args(argv)
    keys = [word for word in arguments.words if "=" in word]
    settings = load_settings(SegmentSettings, keys)
    prompt = read_prompt([word for word in arguments.words if "=" not in word])
    print_result(write_masks(arguments.image, prompt, settings))
    return 0


def read_prompt(words: Sequence[str]) -> "MaskPrompt":
    """Return the prompt that words of the command line describe.

    Raises:
        UserError: a word of another form, a second box, or no object is named.
    """
    from grounding.boxes import Box
    from infer.engines.segment.segmenter import Click, MaskPrompt

    clicks, boxes = [], []
    for word in words:
        kind, _, text = word.rpartition(":")
        numbers = _numbers(word, text, 4 if kind == "box" else 2)
        if kind == "box":
            boxes.append(Box(*numbers))
        elif kind in ("", "not"):
            clicks.append(Click(numbers[0], numbers[1], is_positive=kind == ""))
        else:
            raise UserError(f"'{word}': '{kind}:' is none of not: and box:")
    if len(boxes) > 1:
        raise UserError(f"{len(boxes)} boxes: give one")
    try:
        return MaskPrompt(tuple(clicks), boxes[0] if boxes else None)
    except ValueError as error:
        raise UserError(str(error)) from error


def _numbers(word: str, text: str, count: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise UserError(
            f"'{word}': expected {count} numbers with commas: write for instance 320,240 or box:10,20,90,80"
        )
    return numbers


def write_masks(image: Path, prompt: "MaskPrompt", settings: SegmentSettings) -> str:
    """Write the files, each whole or not at all, and return the lines that say what they show.

    Raises:
        UserError: the image cannot be read, a file cannot be written, or as the backend's `segment`.
    """
    from PIL import Image

    from grounding.files import replacing
    from grounding.images.pixels import UNREADABLE, read_pixels
    from grounding.images.region_pictures import draw_outline, draw_spotlight
    from infer.engines.segment.opening_segmenters import open_segmenter
    from infer.engines.segment.segmenter import hull_box

    try:
        picture = read_pixels(image)
    except UNREADABLE as error:
        raise UserError(f"{image}: not usable as an image: {error}") from error
    masks = open_segmenter(settings).segment(picture, prompt)
    best = masks[0].mask
    draw = draw_spotlight if settings.show == "spotlight" else draw_outline
    folder = Path(settings.output_dir)
    files = {"mask": Image.fromarray(best), settings.show: draw(picture, best)}
    paths = []
    for name, shown in files.items():
        paths.append(folder / f"{image.stem}_{name}.png")
        with replacing(paths[-1]) as file:
            shown.save(file, "PNG")
    hull = hull_box(best)
    place = "empty" if hull is None else "box " + ",".join(f"{corner:g}" for corner in hull.xyxy)
    scores = ", ".join("no score" if each.score is None else f"{each.score:.3f}" for each in masks)
    return (
        f"{best.mean():.1%} of the picture, {place}; {len(masks)} {'mask' if len(masks) == 1 else 'masks'} "
        f"({scores})\n{', '.join(map(str, paths))}"
    )


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
