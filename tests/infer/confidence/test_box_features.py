import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.reader import read_answer
from grounding.boxes import Size
from infer.confidence.box_features import FEATURE_NAMES, Features, box_features
from infer.engines.protocol import Token

SIZE = Size(1000, 1000)


def tokens_of(
    text: str, doubts: dict[int, tuple[float, dict[str, float]]] | None = None
) -> tuple[Token, ...]:
    """Return one token per character, sure of it but for `doubts`: place, own chance, chances of others."""
    tokens = []
    for place, character in enumerate(text):
        own, others = (doubts or {}).get(place, (1.0, {}))
        likely = {character: own, **others}
        listed = tuple((name, math.log(chance)) for name, chance in likely.items())
        tokens.append(Token(character, math.log(own), alternatives=listed))
    return tuple(tokens)


def features_of(
    tokens: tuple[Token, ...], size: Size = SIZE, *, is_cut: bool = False
) -> list[Features | None]:
    text = "".join(token.text for token in tokens)
    return box_features(read_answer(text, size), tokens, size, is_cut=is_cut)


def named(features: Features | None) -> dict[str, float]:
    assert features is not None
    return dict(zip(FEATURE_NAMES, features, strict=True))


TWO = "cat(100,200),(300,600), dog(400,400),(500,500)"


def test_a_sure_answer_has_the_features_of_its_boxes_alone() -> None:
    first, second = map(named, features_of(tokens_of(TWO)))
    assert first["label_mean"] == first["digits_min"] == first["first_digit_entropy"] == first["spread"] == 0
    assert first["expected_overlap"] == first["expected_overlap_resized"] == 1
    assert first["size"] == pytest.approx(math.log(math.sqrt(0.2 * 0.4)), abs=1e-4)
    assert first["elongation"] == pytest.approx(math.log(2), abs=1e-4)
    assert (first["place"], first["place_share"]) == (0, 0.5)
    assert (second["place"], second["place_share"]) == (pytest.approx(math.log(2), abs=1e-4), 1)
    assert first["objects"] == second["objects"] == pytest.approx(math.log(2), abs=1e-4)


def test_a_doubtful_digit_changes_its_box_alone() -> None:
    place = TWO.index("100")
    sure, doubtful = (features_of(tokens_of(TWO, doubts)) for doubts in (None, {place: (0.5, {"2": 0.5})}))
    assert doubtful[1] == sure[1]
    first = named(doubtful[0])
    assert first["digits_min"] == pytest.approx(math.log(0.5), abs=1e-4)
    assert first["digits_mean"] == pytest.approx(math.log(0.5) / 12, abs=1e-4)
    assert first["first_digit_entropy"] == pytest.approx(math.log(2) / 4, abs=1e-4)
    assert first["later_digit_entropy"] == first["label_min"] == 0
    moved = 249.5 - 100
    assert first["largest_spread"] == pytest.approx(math.sqrt(0.5 * moved**2) / 200, abs=1e-4)
    assert first["spread"] == pytest.approx(first["largest_spread"] / 4, abs=1e-4)
    assert first["expected_overlap"] == pytest.approx((1 + (200 - moved) / (200 + moved)) / 2, abs=1e-4)
    assert first["expected_overlap_resized"] == pytest.approx((1 + (200 - moved) / 200) / 2, abs=1e-4)


def test_a_later_digit_weighs_less_than_a_first_one() -> None:
    first, last = (
        named(features_of(tokens_of(TWO, {place: (0.5, {"2": 0.5})}))[0])
        for place in (TWO.index("100"), TWO.index("100") + 2)
    )
    assert last["digits_min"] == first["digits_min"]
    assert last["later_digit_entropy"] > 0 == last["first_digit_entropy"]
    assert last["expected_overlap"] > 0.99 > first["expected_overlap"]


def test_doubts_about_the_label_and_about_going_on_are_apart() -> None:
    label, going_on = TWO.index("dog"), TWO.index(", dog")
    second = named(features_of(tokens_of(TWO, {label: (0.25, {}), going_on: (0.5, {})}))[1])
    assert second["label_min"] == pytest.approx(math.log(0.25), abs=1e-4)
    assert second["label_mean"] == pytest.approx(math.log(0.25) / 3, abs=1e-4)
    assert second["begin_min"] == pytest.approx(math.log(0.5), abs=1e-4)
    assert second["digits_min"] == 0


def test_repeats_and_overlaps_are_counted() -> None:
    text = "cat(100,100),(200,200), dog(100,100),(200,200), cat(100,100),(200,210), cat(500,500),(600,600)"
    boxes = list(map(named, features_of(tokens_of(text))))
    assert [box["repeats"] for box in boxes] == [0, 0, 1, 0]
    assert [round(box["largest_overlap"], 2) for box in boxes] == [1, 1, 0.91, 0]


@pytest.mark.parametrize(
    "text",
    [
        '[{"bbox_2d": [100, 200, 300, 600], "label": "cat"}]',
        '[{"label": "cat", "x1": 100, "y1": 200, "x2": 300, "y2": 600}]',
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(100,200),(300,600)<|box_end|>",
    ],
)
def test_every_form_of_an_answer_has_them(text: str) -> None:
    (features,) = features_of(tokens_of(text, {text.index("300"): (0.5, {"4": 0.5})}))
    box = named(features)
    assert box["first_digit_entropy"] == pytest.approx(math.log(2) / 4, abs=1e-4)
    moved = 449.5 - 300
    assert box["expected_overlap"] == pytest.approx((1 + 200 / (200 + moved)) / 2, abs=1e-4)


def test_a_cut_answer_says_so() -> None:
    assert named(features_of(tokens_of(TWO), is_cut=True)[0])["is_cut"] == 1


def test_numbers_of_any_length_stay_finite() -> None:
    for digits in (9, 40, 200, 305, 400):
        text = f"cat(0,0,{'9' * digits},{'8' * digits})"
        for features in features_of(tokens_of(text, {10: (0.5, {"3": 0.5})})):
            assert features is not None
            assert all(map(math.isfinite, features))


def test_without_tokens_there_are_none() -> None:
    assert box_features(read_answer(TWO, SIZE), (), SIZE, is_cut=False) == [None, None]


@given(
    st.text(alphabet='cat 0123456789(),[]{}":.<|>_x1y2w%-\n，５', max_size=120),
    st.lists(
        st.tuples(st.sampled_from(["7", "30", " 4", "", ",", "cat", "５"]), st.floats(-9999, 0)), max_size=6
    ),
    st.floats(-9999, 0),
    st.integers(1, 5),
)
def test_any_text_gives_finite_numbers(
    text: str, alternatives: list[tuple[str, float]], logprob: float, step: int
) -> None:
    pieces = [text[start : start + step] for start in range(0, len(text), step)]
    tokens = tuple(Token(piece, logprob, alternatives=tuple(alternatives)) for piece in pieces)
    size = Size(640, 480)
    reading = read_answer(text, size)
    for features in box_features(reading, tokens, size, is_cut=False):
        assert features is None or (len(features) == len(FEATURE_NAMES) and all(map(math.isfinite, features)))


def test_boxes_of_other_pictures_are_no_repeats_and_sizes_are_those_of_the_own_picture() -> None:
    asked = Asked((SIZE, Size(500, 2000)))
    text = "Image 1: cat(100,200),(300,600)\nImage 2: cat(100,200),(300,600)"
    tokens = tokens_of(text)
    first, second = map(named, box_features(read_answer(text, asked), tokens, asked, is_cut=False))
    for features in (first, second):
        assert (features["largest_overlap"], features["repeats"]) == (0, 0)
        assert features["size"] == pytest.approx(math.log(math.sqrt(0.2 * 0.4)), abs=1e-4)
    both = text.replace("Image 2", "Image 1")
    again = named(box_features(read_answer(both, asked), tokens_of(both), asked, is_cut=False)[1])
    assert (again["largest_overlap"], again["repeats"]) == (1, 1)
