"""The backend that is always there: the mask of a box is its pixels."""

from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.pixels import model_pixels
from grounding.images.region_pictures import box_mask
from infer.engines.segment.segmenter import MaskPrompt, ScoredMask, check_inside


class BoxSegmenter:
    """Returns the pixels that a box touches. Clicks inside or outside of the box change nothing."""

    def segment(self, picture: Image.Image, prompt: MaskPrompt) -> tuple[ScoredMask, ...]:
        """Return the box as a mask.

        Raises:
            UserError: a click without a box, or as `check_inside`.
        """
        size = Size(*model_pixels(picture).size)
        check_inside(prompt, size)
        if prompt.box is None:
            raise UserError(
                "backend=box: a click has no mask without a box: draw one, or set backend=grabcut"
            )
        return (ScoredMask(box_mask(prompt.box, size)),)
