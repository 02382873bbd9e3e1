"""The settings of `python -m prepare.detect`."""

from dataclasses import dataclass

from grounding.recipe.schema import setting


@dataclass(frozen=True, kw_only=True)
class DetectSettings:
    """Which detector looks at the pictures, and where its boxes are written."""

    detector: str = setting(
        "folder of a PaddleX model of object detection (inference.yml), or FILE.py:FUNCTION, which takes a "
        "picture (PIL, RGB, upright) and returns (label, [x1, y1, x2, y2] in pixels, score) for each object"
    )
    output: str = setting("file that is written: COCO results, beside it FILE.cache", "detections.json")
    min_score: float = setting("boxes with a lower score are left out, 0 to 1", 0.05)
    device: str = setting("PaddleX: auto, cpu, gpu or gpu:N", "auto")
    limit: int | None = setting("look at the first N pictures, by their names (null: all)", None)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of its range, or no name for the file.
        """
        if not 0 <= self.min_score < 1:
            raise ValueError(f"min_score: {self.min_score} is not a number from 0 to below 1")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit: {self.limit} is not a positive number of pictures")
        if not self.output.strip():
            raise ValueError("output: the name of a file is needed")
