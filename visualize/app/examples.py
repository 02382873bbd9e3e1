"""Example pictures: those of a data set's first questions, or shapes that are drawn here."""

from pathlib import Path

from PIL import Image, ImageDraw

from grounding.errors import UserError
from infer.asking.dataset_questions import read_questions

EXAMPLES = 4
SIDE = 512
GROUND = (235, 235, 230)
COLORS = {"red": (214, 39, 40), "green": (44, 160, 44), "blue": (31, 90, 200)}
SCENES = (
    (("red", "square", (60, 80, 200, 220)), ("green", "circle", (290, 250, 450, 410))),
    (("blue", "triangle", (120, 60, 330, 270)),),
    (("green", "circle", (50, 300, 170, 420)), ("blue", "triangle", (280, 90, 450, 260))),
)
"""Colour, name and corners of each shape; one row per picture."""


def find_examples(dataset: Path | None, folder: Path, most_pictures: int) -> list[tuple[Path, ...]]:
    """Return the pictures of questions to try: of the validation split, or else shapes drawn into `folder`.

    Questions with more than `most_pictures` are left out.
    """
    if dataset is not None:
        try:
            questions = read_questions(dataset, "val", 4 * EXAMPLES)
        except UserError:  # the images may be gone while the card with the questions is still there
            return [(path,) for path in draw_examples(folder)]
        shown = dict.fromkeys(question.request.images for question in questions)
        return [images for images in shown if len(images) <= most_pictures][:EXAMPLES]
    return [(path,) for path in draw_examples(folder)]


def draw_examples(folder: Path) -> list[Path]:
    """Draw shapes as PNG files into a folder, and return their paths."""
    paths = []
    for number, scene in enumerate(SCENES, start=1):
        image = Image.new("RGB", (SIDE, SIDE), GROUND)
        draw = ImageDraw.Draw(image)
        for color, shape, (left, top, right, bottom) in scene:
            if shape == "circle":
                draw.ellipse((left, top, right, bottom), fill=COLORS[color])
            elif shape == "square":
                draw.rectangle((left, top, right, bottom), fill=COLORS[color])
            else:
                corners = [((left + right) / 2, top), (right, bottom), (left, bottom)]
                draw.polygon(corners, fill=COLORS[color])
        paths.append(folder / f"shapes_{number}.png")
        image.save(paths[-1], "PNG")
    return paths
