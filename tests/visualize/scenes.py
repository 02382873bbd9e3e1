"""The synthetic pictures of the golden tests, and the command that writes them anew.

`python -m tests.visualize.scenes` writes tests/golden/visualize/*.png; look at them before keeping them.
"""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

from grounding.boxes import Box
from grounding.images.region_pictures import draw_spotlight
from grounding.samples import Detection
from visualize.draw.drawing import draw_detections, draw_outcomes
from visualize.sheets.panels import Panel, draw_panels
from visualize.sheets.sheet import contact_sheet

GOLDEN = Path(__file__).parents[1] / "golden" / "visualize"


def striped(width: int, height: int) -> Image.Image:
    """Return a background from dark to light in sixteen stripes."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for stripe in range(16):
        grey = stripe * 17
        draw.rectangle((width * stripe // 16, 0, width * (stripe + 1) // 16, height), fill=(grey, grey, grey))
    return image


TRUTH = (
    Detection("red square", Box(20, 40, 110, 120)),
    Detection("绿色圆形", Box(150, 30, 230, 110)),
    Detection("blue triangle", Box(200, 120, 300, 200)),
    Detection("red square", Box(40, 160, 90, 210)),
)
PREDICTIONS = (
    Detection("red square", Box(24, 42, 112, 118), 0.97),
    Detection("blue triangle", Box(148, 32, 232, 112), 0.81),
    Detection("blue triangle", Box(202, 118, 300, 202), 0.66),
    Detection("绿色圆形", Box(110, 150, 170, 220), 0.32),
)


def one_image() -> Image.Image:
    """Draw labels with scores, in Latin and Chinese letters."""
    return draw_detections(striped(320, 240), PREDICTIONS)


def matched() -> Image.Image:
    """Draw every outcome, with the legend."""
    return draw_outcomes(striped(320, 240), TRUTH, PREDICTIONS)


def crowd() -> Image.Image:
    """Draw 30 boxes on one another."""
    boxes = [Box(40 + 12 * (n % 6), 60 + 9 * n, 90 + 12 * (n % 6), 100 + 9 * n) for n in range(30)]
    return draw_detections(
        striped(400, 400), [Detection(f"thing {n % 4}", box) for n, box in enumerate(boxes)]
    )


def sheet() -> Image.Image:
    """Draw a contact sheet of enlarged small images."""
    shapes = (Detection("red square", Box(8, 20, 30, 42)), Detection("绿色圆形", Box(34, 30, 60, 56)))
    panels = (Panel("truth", shapes), Panel("after: 1 of 2 found", shapes[:1], shapes))
    row = draw_panels(striped(64, 64), panels, width=160, heading="images/000001.png")
    return contact_sheet([row, row], title="AP 0.21 → 0.57", legend=True, columns=1)


def colourful(width: int, height: int) -> Image.Image:
    """Return a background in which no two pixels near each other are equal."""
    image = Image.new("RGB", (width, height))
    image.putdata(
        [
            (x * 255 // width, y * 255 // height, 128 + (x + y) % 64)
            for y in range(height)
            for x in range(width)
        ]
    )
    return image


def spotlight_box() -> Image.Image:
    """Leave a box in the light."""
    return draw_spotlight(colourful(160, 120), Box(40, 30, 110, 90))


def spotlight_mask() -> Image.Image:
    """Leave a disc in the light, cut by the image's side."""
    mask = Image.new("1", (160, 120))
    ImageDraw.Draw(mask).ellipse((90, 20, 180, 110), fill=1)
    return draw_spotlight(colourful(160, 120), mask)


SCENES: dict[str, Callable[[], Image.Image]] = {
    scene.__name__: scene for scene in (one_image, matched, crowd, sheet, spotlight_box, spotlight_mask)
}


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        scene().save(GOLDEN / f"{name}.png", optimize=True)
