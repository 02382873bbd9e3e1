"""SAM 2 with random weights in the Python of .venv-torch, asked in process and as a worker."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from grounding.errors import UserError
from infer.engines.segment.remote_segmenter import RemoteSegmenter
from infer.engines.segment.segmenter import Click, MaskPrompt
from infer.engines.segment.segmenter_settings import SegmenterSettings

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = Path(__file__).with_name("sam2_answers.py")
PROMPTS, SIZES = 5, ((70, 50), (21, 33))
COUNT = PROMPTS * len(SIZES)
KEY = "not-to-be-guessed"

pytestmark = pytest.mark.xdist_group("sam2")  # one process of torch for all


@pytest.fixture(scope="module")
def folder(torch_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam2")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [torch_python, SCRIPT, folder], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "facts.json").read_text())
    return found


@pytest.fixture(scope="module")
def arrays(folder: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(folder / "answers.npz") as found:
        return dict(found)


def test_masks_have_the_size_of_the_picture(arrays: dict[str, npt.NDArray[Any]]) -> None:
    for place in range(COUNT):
        width, height = SIZES[place % len(SIZES)]
        masks = arrays[f"together_{place}_masks"]
        assert masks.dtype == np.bool_
        assert masks.shape[1:] == (height, width)
        assert arrays[f"together_{place}_scores"].shape == masks.shape[:1]


def test_one_click_has_three_masks_with_the_best_first(arrays: dict[str, npt.NDArray[Any]]) -> None:
    counts = [len(arrays[f"together_{place}_scores"]) for place in range(COUNT)]
    assert counts == [3, 3, 1, 1, 1, 1, 1, 1, 3, 3]
    for place in (0, 1, 8, 9):
        scores = arrays[f"together_{place}_scores"]
        assert (np.diff(scores) < -1e-3).all(), scores  # they differ, so that their order means something


@pytest.mark.parametrize("way", ["again", "alone", "reference"])
def test_batches_and_kept_pictures_change_nothing(arrays: dict[str, npt.NDArray[Any]], way: str) -> None:
    for place in range(COUNT):
        first, second = (arrays[f"{name}_{place}_scores"] for name in ("together", way))
        np.testing.assert_allclose(first, second, atol=1e-4)
        first, second = (arrays[f"{name}_{place}_masks"] for name in ("together", way))
        assert (first != second).mean() < 0.005  # logits of 0 fall to either side


def test_prompts_are_told_apart(arrays: dict[str, npt.NDArray[Any]]) -> None:
    for place in range(len(SIZES)):
        same_picture = [arrays[f"together_{other}_masks"][0] for other in range(place, COUNT, len(SIZES))]
        different = [(mask != same_picture[0]).any() for mask in same_picture[1:]]
        assert all(different)


def test_a_picture_is_read_once(facts: dict[str, Any]) -> None:
    assert facts["read_together"] == [2]
    assert facts["read_again"] == [2]
    assert facts["read_alone"] == [1] * COUNT  # there, nothing is kept
    assert facts["answers_several"]


def test_half_precision_is_close(arrays: dict[str, npt.NDArray[Any]], facts: dict[str, Any]) -> None:
    assert facts["kept_dtype"] == "torch.bfloat16"
    agree = [
        (arrays[f"half_{place}_masks"] == arrays[f"together_{place}_masks"]).mean()
        for place in range(COUNT)
        if len(SIZES) * 2 <= place < 8  # one mask each: the order of several can change
    ]
    assert min(agree) > 0.9


def test_paddle_is_not_imported(facts: dict[str, Any]) -> None:
    assert facts["paddle"] == []


def test_pictures_are_those_of_transformers(facts: dict[str, Any]) -> None:
    if facts["is_like_reference"] is None:
        pytest.skip("no torchvision beside torch, which Sam2Processor needs")
    assert facts["is_like_reference"] is True


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no_folder", "no config.json of a model"),
        ("no_weights", "cannot be loaded"),
        ("pickle", "cannot be loaded"),
        ("other_model", "a model of type 'qwen3_vl': one of type sam2 is needed"),
        ("half", "weights are missing"),
        ("damaged", "cannot be loaded"),
        ("other_size", "pictures of 32x32 pixels, the model takes 64"),
    ],
)
def test_a_folder_that_is_no_model_is_named(facts: dict[str, Any], fault: str, message: str) -> None:
    said = facts["errors"][fault]
    assert message in said
    assert fault in said
    assert "\n" not in said


def test_a_gpu_that_is_not_there_is_one_line(facts: dict[str, Any]) -> None:
    assert facts["no_gpu"] == "device=cuda:7: torch sees 0 GPUs: name one of them, or device=cpu"


@pytest.fixture(scope="module")
def worker(folder: Path, torch_python: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *(torch_python, "-m", "infer.serve_masks", "backend=sam2", f"checkpoint={folder / 'model'}"),
            *("device=cpu", f"port={port}"),
        ],
        cwd=ROOT,
        env=os.environ | {"SERVE_API_KEY": KEY},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("limits: "):
        line = process.stderr.readline()
        assert line, lines  # it ended
        lines.append(line)
    assert f"masks by sam2 {folder / 'model'}: http://127.0.0.1:{port}" in "".join(lines)
    assert "programs on this machine, with the key of SERVE_API_KEY" in "".join(lines)
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) in (0, 130, -signal.SIGINT)
    assert "Traceback" not in process.stderr.read()


def test_the_worker_gives_the_same_masks(
    worker: str, arrays: dict[str, npt.NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    pixels = [generator.integers(0, 256, (height, width, 3), dtype=np.uint8) for width, height in SIZES]
    with pytest.raises(UserError, match="HTTP 401"):
        RemoteSegmenter(SegmenterSettings(backend=worker)).segment(
            Image.fromarray(pixels[0]), MaskPrompt((Click(3, 4.5),))
        )
    monkeypatch.setenv("MASKS_API_KEY", KEY)
    remote = RemoteSegmenter(SegmenterSettings(backend=worker))
    for _ in range(2):  # the picture itself, then its hash
        for place, each in enumerate(pixels):
            found = remote.segment(Image.fromarray(each), MaskPrompt((Click(3, 4.5),)))
            np.testing.assert_allclose(
                [mask.score for mask in found], arrays[f"together_{place}_scores"], atol=1e-4
            )
            masks = np.stack([mask.mask for mask in found])
            assert (masks != arrays[f"together_{place}_masks"]).mean() < 0.005
