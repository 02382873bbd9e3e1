"""The losses of a box head against a count of cells, and their gradients against finite differences."""

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.heads.box_losses import LossWeights, box_head_loss, generalised_iou, l1_distance

SIDE = 12
ROOT = Path(__file__).resolve().parents[3]


def cells(box: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """The unit cells that a box with whole corners covers."""
    grid = np.zeros((SIDE, SIDE), bool)
    grid[box[1] : box[3], box[0] : box[2]] = True
    return grid


def counted_giou(box: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> float:
    """GIoU by counting cells, as its definition says: no formula of corners."""
    first, second = cells(box), cells(wanted)
    both, either = int((first & second).sum()), first | second
    rows, columns = np.flatnonzero(either.any(1)), np.flatnonzero(either.any(0))
    hull = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return both / int(either.sum()) - (hull - int(either.sum())) / hull


def drawn_boxes(count: int, seed: int) -> npt.NDArray[np.int64]:
    chance = np.random.default_rng(seed)
    start = chance.integers(0, SIDE - 1, (count, 2))
    return np.concatenate([start, chance.integers(start + 1, SIDE + 1)], axis=1)


def test_giou_is_the_share_of_counted_cells() -> None:
    import paddle

    boxes, wanted = drawn_boxes(300, 0), drawn_boxes(300, 1)
    wanted[:20] = boxes[:20]
    found = generalised_iou(*(paddle.to_tensor(values.astype("float32")) for values in (boxes, wanted)))
    counted = [counted_giou(*pair) for pair in zip(boxes, wanted, strict=True)]
    assert min(counted) < -0.3  # some lie far apart
    assert found.numpy() == pytest.approx(counted, abs=1e-5)
    assert found.numpy()[:20] == pytest.approx(1.0)


def test_l1_is_the_sum_over_the_sides() -> None:
    import paddle

    boxes, wanted = (values.astype("float32") for values in (drawn_boxes(50, 2), drawn_boxes(50, 3)))
    found = l1_distance(paddle.to_tensor(boxes), paddle.to_tensor(wanted)).tolist()
    assert found == [
        sum(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in zip(boxes, wanted, strict=True)
    ]


def test_a_box_that_is_upside_down_has_no_area() -> None:
    import paddle

    boxes = paddle.to_tensor([[0.6, 0.2, 0.4, 0.8]])
    found = generalised_iou(boxes, paddle.to_tensor([[0.2, 0.2, 0.8, 0.8]])).tolist()
    assert found == pytest.approx([0.0])  # inside of the other, and without a share of it


def loss_of(corrected: Any, logits: Any, **changes: Any) -> Any:
    import paddle

    chance = np.random.default_rng(7)
    start = chance.uniform(0, 0.5, (6, 2))
    wanted = np.concatenate([start, start + chance.uniform(0.1, 0.5, (6, 2))], 1)
    values: dict[str, Any] = {
        "wanted": paddle.to_tensor(wanted),
        "matched": paddle.to_tensor([1.0, 1.0, 0.0, 1.0, 0.0, 1.0], dtype="float64"),
        "shares": paddle.to_tensor([1.0, 0.5, 2.0, 1.5, 1.0, 3.0], dtype="float64"),
        "weights": LossWeights(),
    }
    return box_head_loss(corrected, logits, **(values | changes))


@pytest.mark.parametrize("apart", [False, True])
def test_the_gradients_are_those_of_finite_differences(apart: bool) -> None:
    """Also of boxes that do not touch, and of one whose object is nowhere (matched is 0, wanted zeros)."""
    import paddle

    chance = np.random.default_rng(5)
    start = chance.uniform(0, 0.5, (6, 2))
    boxes = np.concatenate([start, start + chance.uniform(0.1, 0.5, (6, 2))], 1)
    changes: dict[str, Any] = {}
    if apart:
        wanted = np.tile([0.8, 0.85, 0.9, 0.95], (6, 1))
        wanted[2] = 0.0
        boxes, changes = boxes * 0.5, {"wanted": paddle.to_tensor(wanted)}
    points = [boxes, chance.normal(size=6)]
    given = [paddle.to_tensor(point, stop_gradient=False) for point in points]
    loss_of(*given, **changes).backward()
    step = 1e-6
    for which, point in enumerate(points):
        slopes = np.zeros(point.size)
        for place in range(point.size):
            ends = []
            for sign in (1, -1):
                moved = [values.copy() for values in points]
                moved[which].flat[place] += sign * step
                ends.append(float(loss_of(*map(paddle.to_tensor, moved), **changes)))
            slopes[place] = (ends[0] - ends[1]) / (2 * step)
        assert given[which].grad.numpy().ravel() == pytest.approx(slopes, abs=1e-6)
        assert np.abs(slopes).max() > 0.1


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ([0.1, 0.1, 0.5, 0.5], [0.5, 0.1, 0.9, 0.5]),
        ([0.1, 0.1, 0.1, 0.5], [0.5, 0.1, 0.9, 0.5]),
        ([0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.5]),
        ([0.0, 0.0, 0.1, 0.1], [0.0, 0.0, 0.0, 0.0]),
    ],
    ids=["touching", "without an area", "equal", "nothing wanted"],
)
def test_the_gradient_is_a_number_where_a_side_is_zero(box: list[float], wanted: list[float]) -> None:
    import paddle

    given = paddle.to_tensor([box], stop_gradient=False)
    one = paddle.ones([1])
    box_head_loss(given, 0 * one, paddle.to_tensor([wanted]), one, one, LossWeights()).backward()
    assert np.isfinite(given.grad.numpy()).all()


def test_only_matched_boxes_are_fitted_and_shares_count() -> None:
    import paddle

    boxes = paddle.to_tensor(np.tile([0.1, 0.1, 0.9, 0.9], (6, 1)))
    logits = paddle.zeros([6], dtype="float64")
    before = float(loss_of(boxes, logits))
    moved = boxes.clone()
    moved[2] = paddle.to_tensor([0.0, 0.0, 0.1, 0.1], dtype="float64")  # matches nothing
    assert float(loss_of(moved, logits)) == pytest.approx(before)
    moved[0] = paddle.to_tensor([0.0, 0.0, 0.1, 0.1], dtype="float64")
    assert float(loss_of(moved, logits)) > before
    sure = logits.clone()
    sure[5] = 3.0  # matches, and has the largest share
    other = logits.clone()
    other[1] = 3.0
    assert float(loss_of(boxes, sure)) < float(loss_of(boxes, other)) < before
    nothing = paddle.zeros([6], dtype="float64")
    assert float(loss_of(boxes, logits, matched=nothing)) == pytest.approx(np.log(2))


@pytest.fixture(scope="module")
def theirs(torch_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Losses of torch and torchvision, with the boxes that they are of."""
    folder = tmp_path_factory.mktemp("torchvision")
    chance = np.random.default_rng(9)
    corners = chance.uniform(0, 1, (400, 2, 2, 2))
    boxes, wanted = (np.sort(each, axis=1).reshape(400, 4) for each in (corners[:, 0], corners[:, 1]))
    near = boxes[:50] + chance.uniform(-0.05, 0.05, (50, 4))
    wanted[:50] = np.sort(near.reshape(50, 2, 2), axis=1).reshape(50, 4)
    given, out = folder / "boxes.npz", folder / "out.npz"
    np.savez(given, boxes=boxes, wanted=wanted)
    script = Path(__file__).with_name("torchvision_losses.py")
    done = subprocess.run(
        [torch_python, script, given, out],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    if not out.is_file():
        pytest.skip("no torchvision beside torch: make setup-torch")
    with np.load(out) as found:
        return {**found, "boxes": boxes, "wanted": wanted}


def test_losses_and_gradients_are_those_of_torchvision(theirs: dict[str, Any]) -> None:
    import paddle

    boxes = paddle.to_tensor(theirs["boxes"], stop_gradient=False)
    wanted = paddle.to_tensor(theirs["wanted"])
    found = generalised_iou(boxes, wanted)
    assert found.numpy() == pytest.approx(theirs["giou"], rel=1e-6)
    assert 1 - found.numpy() == pytest.approx(theirs["giou_loss"], rel=1e-6)
    assert theirs["giou"].min() < -0.5
    assert theirs["giou"].max() > 0.9
    (slope,) = paddle.grad((1 - found).sum(), boxes)
    assert slope.numpy() == pytest.approx(theirs["giou_slope"], rel=1e-6, abs=1e-9)
    distance = l1_distance(boxes, wanted)
    assert distance.numpy() == pytest.approx(theirs["l1"], abs=1e-6)
    (slope,) = paddle.grad(distance.sum(), boxes)
    assert np.array_equal(slope.numpy(), theirs["l1_slope"])
