"""Which stage before the model differs, in engines that show what goes into it."""

from typing import Any

from infer.parity.stages import (
    IMAGE_SIZE,
    PIXELS,
    POSITIONS,
    TEMPLATE,
    Difference,
    SideBySide,
    parting_place,
)

PIXEL_TOLERANCE = 0.002
"""By which normalised pixels (-1 to 1) may differ on average: a quarter of a level of 8 bits."""

SHOWN = 60
"""Characters of a prompt that a message repeats."""


def first_input_difference(compared: SideBySide) -> Difference | None:
    """Return the first of template, image size, pixels and positions that differs, None if none does."""
    stages = (_template, _image_size, _pixels, _positions)
    return next((found for stage in stages if (found := stage(compared)) is not None), None)


def _template(compared: SideBySide) -> Difference | None:
    for pair in compared.pairs:
        own, other = (seen.token_ids for seen in pair.inputs)
        if own != other:
            start = parting_place(own, other)
            here, there = (compared.tokenizer.decode(list(ids[start:])) for ids in (own, other))
            block = " (a think block)" if ("<think>" in here) != ("<think>" in there) else ""
            return Difference(
                TEMPLATE,
                f"from token {start} on the prompt goes on {here[:SHOWN]!r} here and {there[:SHOWN]!r} there"
                f"{block}: give both the same chat template",
            )
    return None


def _image_size(compared: SideBySide) -> Difference | None:
    grids = [
        (size, own, other)
        for pair in compared.pairs
        for size, own, other in zip(
            pair.asked.asked.sizes, *(seen.grids for seen in pair.inputs), strict=False
        )
    ]
    wrong = [each for each in grids if each[1] != each[2]]
    if not wrong:
        return None
    size, own, other = wrong[0]
    limits = "".join(compared.settings_text(key) for key in ("longest_edge", "shortest_edge", "patch_size"))
    return Difference(
        IMAGE_SIZE,
        f"{len(wrong)} of {len(grids)} pictures are resized to another size, one of {size.width}x"
        f"{size.height} pixels to {own[1]}x{own[0]} patches here and {other[1]}x{other[0]} there{limits}: "
        "give both the same max_pixels and min_pixels (preprocessor_config.json)",
    )


def _pixels(compared: SideBySide) -> Difference | None:
    gaps = [(_pixel_gap(*pair.inputs), pair.is_resized) for pair in compared.pairs]
    if not (wrong := [each for each in gaps if not each[0] <= PIXEL_TOLERANCE]):
        return None
    most = max(gap for gap, _ in gaps)
    if all(is_resized for _, is_resized in wrong) and not all(is_resized for _, is_resized in gaps):
        reason = "only pictures that are resized: give both the same filter of the resize (resample)"
    else:
        reason = "give both the same filter (resample), mean and deviation (preprocessor_config.json)"
    return Difference(
        PIXELS,
        f"{len(wrong)} of {len(gaps)} pictures differ, on average by up to {most * 127.5:.1f} of 255 levels"
        f"{compared.settings_text('resample')}, {reason}",
    )


def _pixel_gap(own: Any, other: Any) -> float:
    """Return the mean difference of pixels, infinite where the patches have other shapes."""
    import numpy as np

    here, there = (np.asarray(seen.pixels, np.float32) for seen in (own, other))
    return float(np.abs(here - there).mean()) if here.shape == there.shape else float("inf")


def _positions(compared: SideBySide) -> Difference | None:
    import numpy as np

    for pair in compared.pairs:
        own, other = (np.asarray(seen.positions) for seen in pair.inputs)
        if own.shape != other.shape or (own != other).any():
            at = "" if own.shape != other.shape else f" from token {int((own != other).any(0).argmax())} on"
            return Difference(POSITIONS, f"tokens have other positions{at}: give both the same config.json")
    return None
