import numpy as np
import pytest

from grounding.errors import UserError
from infer.calibrate.fitting import FEWEST_BOXES, FOLDS, check_enough, fit_logistic, fit_weighing
from infer.confidence.box_features import FEATURE_NAMES

COUNT = len(FEATURE_NAMES)


def made_boxes(boxes: int, *, is_step: bool = False, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return features, correctness, images of two boxes, and the true chance; only one feature matters."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(boxes, COUNT))
    first = features[:, 0]
    chance = np.where(first > 0.5, 0.95, 0.3) if is_step else 1 / (1 + np.exp(-3 * first))
    return features, generator.random(boxes) < chance, np.arange(boxes) // 2, chance


def test_the_weights_are_those_of_an_independent_fit() -> None:
    """scipy minimises the same loss with another method."""
    from scipy.optimize import minimize

    features, right, _, _ = made_boxes(400)
    weighing = fit_logistic(features, right)
    inputs = (features - features.mean(axis=0)) / features.std(axis=0)
    signs = np.where(right, 1.0, -1.0)

    def loss(values: np.ndarray) -> float:
        return float(
            0.3 * np.logaddexp(0, -signs * (inputs @ values[:-1] + values[-1])).sum()
            + values[:-1] @ values[:-1] / 2
        )

    best = minimize(loss, np.zeros(COUNT + 1), method="BFGS").x
    assert weighing.weights == pytest.approx(best[:-1], abs=2e-3)
    assert weighing.bias == pytest.approx(best[-1], abs=2e-3)


def test_a_feature_that_never_changes_has_no_weight() -> None:
    features, right, _, _ = made_boxes(200)
    features[:, 5] = 7.0
    weighing = fit_logistic(features, right)
    assert (weighing.weights[5], weighing.scales[5], weighing.lows[5]) == (0, 1, 7)


def test_held_out_probabilities_are_made_without_the_boxes_of_their_image() -> None:
    """The features of an image tell its correctness, and nothing about other images: no gain is left."""
    generator = np.random.default_rng(1)
    features = np.repeat(generator.normal(size=(100, COUNT)), 3, axis=0)
    right = np.repeat(generator.random(100) < 0.5, 3)
    groups = np.repeat(np.arange(100), 3)
    fit = fit_weighing(features, right, groups)
    assert np.mean((fit.held_out > 0.5) == right) < 0.62
    assert np.mean((fit.weighing.probabilities(features) > 0.5) == right) > 0.65


def test_held_out_probabilities_are_near_the_true_chances() -> None:
    features, right, groups, chance = made_boxes(1500)
    fit = fit_weighing(features, right, groups)
    assert np.abs(fit.held_out - chance).mean() < 0.05
    assert not fit.weighing.knots


def test_an_isotonic_step_is_added_where_the_logistic_curve_is_wrong() -> None:
    features, right, groups, chance = made_boxes(3000, is_step=True)
    fit = fit_weighing(features, right, groups)
    straight = fit_logistic(features, right).probabilities(features)
    assert fit.weighing.knots
    assert np.abs(fit.held_out - chance).mean() < np.abs(straight - chance).mean()
    places, values = map(list, zip(*fit.weighing.knots, strict=True))
    assert places == sorted(places)
    assert values == sorted(values)
    assert 0 < values[0] <= values[-1] < 1


@pytest.mark.parametrize(
    ("boxes", "right", "images", "is_enough"),
    [
        (FEWEST_BOXES, 25, 25, True),
        (FEWEST_BOXES - 1, 25, 25, False),
        (FEWEST_BOXES, 9, 25, False),
        (FEWEST_BOXES, FEWEST_BOXES - 9, 25, False),
        (FEWEST_BOXES, 25, FOLDS - 1, False),
    ],
)
def test_too_few_boxes_are_refused(boxes: int, right: int, images: int, is_enough: bool) -> None:
    correct, groups = np.arange(boxes) < right, np.arange(boxes) % images
    if is_enough:
        check_enough(correct, groups)
        return
    with pytest.raises(UserError, match=f"^{boxes} boxes to fit, of which {right} are right"):
        check_enough(correct, groups)
