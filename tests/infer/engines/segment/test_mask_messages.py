import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from grounding.boxes import Box, Size
from grounding.images.region_pictures import Mask
from infer.engines.segment.mask_messages import (
    MOST_MASKS,
    NoMasksError,
    answer_body,
    prompt_fields,
    read_masks,
)
from infer.engines.segment.segmenter import Click, MaskPrompt, ScoredMask
from infer.serve_masks.mask_body import MaskBody

SIZE = Size(5, 3)


def png(mode: str = "1", size: tuple[int, int] = (5, 3), kind: str = "PNG") -> str:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 20))), st.none() | st.floats(0, 1))
def test_masks_come_back_as_they_were_sent(mask: Mask, score: float | None) -> None:
    body = json.loads(json.dumps(answer_body([ScoredMask(mask, score), ScoredMask(~mask)])))
    first, second = read_masks(body, Size(mask.shape[1], mask.shape[0]))
    assert np.array_equal(first.mask, mask)
    assert first.mask.dtype == np.bool_
    assert first.score == score
    assert np.array_equal(second.mask, ~mask)
    assert second.score is None


@pytest.mark.parametrize(
    "prompt",
    [
        MaskPrompt((Click(1, 2.5), Click(3, 4, False))),
        MaskPrompt(box=Box(1, 2, 3.5, 4)),
        MaskPrompt((Click(0, 0, False),), Box(-1, 0, 9, 9)),
    ],
)
def test_the_worker_reads_the_prompt_that_the_client_wrote(prompt: MaskPrompt) -> None:
    sent = json.loads(json.dumps({"picture": {"digest": "0" * 64}, **prompt_fields(prompt)}))
    assert MaskBody.model_validate(sent).prompt() == prompt


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "no list"),
        ({}, "no list"),
        ({"masks": []}, "no list"),
        ({"masks": {"png": "x"}}, "no list"),
        ({"masks": [{"png": png()}] * (MOST_MASKS + 1)}, "no list"),
        ({"masks": ["text"]}, "a score that is no number"),
        ({"masks": [{"png": png(), "score": "0.5"}]}, "a score that is no number"),
        ({"masks": [{"png": png(), "score": float("nan")}]}, "a score that is no number"),
        ({"masks": [{"png": png(), "score": True}]}, "a score that is no number"),
        ({"masks": [{"score": 1}]}, "no PNG"),
        ({"masks": [{"png": 7}]}, "no PNG"),
        ({"masks": [{"png": "!!"}]}, "no PNG"),
        ({"masks": [{"png": base64.b64encode(b"GIF89a").decode()}]}, "no PNG"),
        ({"masks": [{"png": png(kind="BMP")}]}, "no PNG"),
        ({"masks": [{"png": png(size=(3, 5))}]}, "a mask of 3x5 pixels"),
        ({"masks": [{"png": png(mode="L")}]}, "mode L"),
        ({"masks": [{"png": png(size=(9000, 9000))}]}, "a mask of 9000x9000 pixels"),
    ],
)
def test_an_answer_that_is_none_is_named(body: Any, message: str) -> None:
    with pytest.raises(NoMasksError, match=message):
        read_masks(body, SIZE)


def test_a_file_that_is_cut_is_no_mask() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (64, 64)).astype(np.bool_)
    whole = answer_body([ScoredMask(noise)])["masks"][0]["png"]
    cut = base64.b64encode(base64.b64decode(whole)[:200]).decode()
    with pytest.raises(NoMasksError, match="no PNG"):
        read_masks({"masks": [{"png": cut}]}, Size(64, 64))
