"""How a question for words shows the region that it is about: in the picture, or as numbers in the text."""

from grounding.yes_no.shown_box import OUTLINE, SPOTLIGHT, TEXT

BLUR, CROP = "blur", "crop"

SHOWN_AS = (SPOTLIGHT, OUTLINE, BLUR, CROP, TEXT)
"""spotlight: all else at half brightness; outline: a white line around the region; blur: all else blurred;
crop: the picture with the outline, and the region by itself beside or below it; text: the picture as it is,
and the box on the 0..1000 grid in the question. The first four have a white line around the region."""
