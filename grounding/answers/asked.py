"""What a question shows to the model, as far as the reading of its answer needs to know it."""

from dataclasses import dataclass

from grounding.boxes import Box, Size


@dataclass(frozen=True)
class Asked:
    """The pictures that the boxes of an answer are about: their sizes in pixels, in their order.

    Answers count pictures from 1 (`Image 2`), and `Detection.picture` from 0. `candidates` are the numbered
    boxes that the question lists, in pixels of the first picture: answers count them from 1. `proposals` has
    the label and the score that the detector gave each of them, None where unknown; () without.
    """

    sizes: tuple[Size, ...]
    candidates: tuple[Box, ...] = ()
    proposals: tuple[tuple[str | None, float | None], ...] = ()

    def __post_init__(self) -> None:
        if not self.sizes:
            raise ValueError("a question has at least one picture")

    @property
    def is_about_several(self) -> bool:
        """Whether answers say of each object in which picture it is."""
        return len(self.sizes) > 1


def as_asked(asked: Size | Asked) -> Asked:
    """Return what is asked; a size alone is that of the only picture."""
    return Asked((asked,)) if isinstance(asked, Size) else asked
