"""The command that shows a mask."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.images.region_pictures import draw_outline, draw_spotlight
from infer.engines.segment.segmenter import Click, MaskPrompt, mask_iou
from infer.segment import main, read_prompt
from tests.infer.engines.segment.drawn_shapes import DrawnShape, drawn_shapes


@pytest.fixture
def shape() -> DrawnShape:
    return next(iter(drawn_shapes(1)))


@pytest.fixture
def photo(shape: DrawnShape, tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    shape.picture.save(path)
    return path


@pytest.mark.parametrize(("show", "draw"), [("spotlight", draw_spotlight), ("outline", draw_outline)])
def test_it_writes_the_mask_and_a_picture_that_shows_it(
    shape: DrawnShape,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    show: str,
    draw: "type[draw_outline]",  # type: ignore[valid-type]
) -> None:
    click = f"{shape.click.x:g},{shape.click.y:g}"
    assert main([str(photo), click, "not:0,0", f"output_dir={tmp_path / 'out'}", f"show={show}"]) == 0
    mask = np.asarray(Image.open(tmp_path / "out" / "photo_mask.png"))
    assert mask_iou(mask, shape.mask) >= 0.8
    shown = np.asarray(Image.open(tmp_path / "out" / f"photo_{show}.png"))
    assert np.array_equal(shown, np.asarray(draw(shape.picture, mask)))
    said = capsys.readouterr().out
    assert f"{mask.mean():.1%} of the picture, box" in said
    assert "1 mask (no score)" in said
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["photo_mask.png", f"photo_{show}.png"]


def test_words_are_clicks_and_a_box() -> None:
    assert read_prompt(["1,2.5", "not:-3,4", "box:1,2,3,4"]) == MaskPrompt(
        (Click(1, 2.5), Click(-3, 4, False)), Box(1, 2, 3, 4)
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["5"], "'5': expected 2 numbers"),
        (["1,x"], "'1,x': expected 2 numbers"),
        (["box:1,2"], "'box:1,2': expected 4 numbers"),
        (["on:1,2"], "'on:' is none of not: and box:"),
        (["not:1,2"], "no object is named"),
        (["1,nan"], "no finite number"),
        (["box:1,2,3,4", "box:1,2,3,4"], "2 boxes: give one"),
        ([], "no object is named"),
    ],
)
def test_other_words_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_prompt(words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["99,5"], "click 99,5: outside of the picture of 64x64 pixels"),
        (["5,5", "backend=box"], "a click has no mask without a box"),
        (["5,5", "backend=sam3"], "backend: 'sam3' is none of box, grabcut, sam2"),
        (["5,5", "backend=sam2"], "need a model's folder"),
        (["5,5", "show=blur"], "show: 'blur' is not one of"),
        (["5,5", "colour=red"], "unknown key 'colour'"),
        (["5,5", "backend=sam2", "checkpoint=x", "device=gpu"], "device: 'gpu' is not like auto, cpu"),
    ],
)
def test_what_cannot_be_done_writes_nothing(
    photo: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        main([str(photo), *words, f"output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("none")
    with pytest.raises(UserError, match=r"text\.png: not usable as an image"):
        main([str(tmp_path / "text.png"), "1,1"])


def test_sam2_without_torch_says_how_to_get_it(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="this Python has no torch: run make setup-sam"):
        main([str(photo), "5,5", "backend=sam2", "checkpoint=x"])
