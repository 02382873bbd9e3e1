"""Parity with the tiny model: our own server on loopback and transformers, each with planted faults."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import RawAnswer, Request, Token
from infer.engines.settings import EngineSettings
from infer.parity.comparing import EngineReport, compare_engines
from infer.parity.parity_settings import TORCH_PYTHON, ParitySettings
from tests.infer.conftest import ROOT
from tests.infer.serve.running_server import running

PROMPTS, NEW_TOKENS = 16, 4
BOXLESS = "; 4 without a box, compared as text"
THINK = "<think>\n\n</think>\n\n"


def change_image_processor(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "preprocessor_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def change_template(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in ("tokenizer_config.json", "chat_template.json"):
            config = json.loads((folder / name).read_text())
            assert old in config["chat_template"]
            config["chat_template"] = config["chat_template"].replace(old, new)
            (folder / name).write_text(json.dumps(config))

    return change


def round_weights(folder: Path) -> None:
    """Write the weights as they are after a conversion to float16."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    path = folder / "model.safetensors"
    rounded = {name: array.astype(np.float16).astype(array.dtype) for name, array in load_file(path).items()}
    save_file(rounded, path, metadata={"format": "np"})


IM_START = "<|im_start|>"
FAULTS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "another template": (
        change_template(IM_START, IM_START + "\\n"),
        "template",
        "tokens in a prompt",
    ),
    "think block": (
        change_template("assistant\\n'", "assistant\\n" + THINK.replace("\n", "\\n") + "'"),
        "template",
        "think block",
    ),
    "another max_pixels": (
        change_image_processor(size={"longest_edge": 160 * 160, "shortest_edge": 1024}),
        "image size",
        "max_pixels",
    ),
    "another min_pixels": (
        change_image_processor(size={"longest_edge": 65536, "shortest_edge": 128 * 128}),
        "image size",
        "min_pixels",
    ),
    "another filter of the resize": (change_image_processor(resample=2), "pixels", "resample"),
    "float16": (round_weights, "first token", "float16"),
}
"""How to plant a fault in a copy of the checkpoint, the stage that is named, and a word of the message."""


@pytest.fixture
def faulty(tiny_checkpoint: Path, tmp_path: Path) -> Callable[[str], Path]:
    def plant(name: str) -> Path:
        folder = tmp_path / "faulty"
        shutil.copytree(tiny_checkpoint, folder)
        FAULTS[name][0](folder)
        return folder

    return plant


@dataclass
class WithFault:
    """An engine of which a server changes the tokens before it lists them."""

    engine: PaddleEngine
    change: Callable[[Sequence[Token]], Sequence[Token]]

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        answers = self.engine.answer(requests)
        return [replace(answer, tokens=tuple(self.change(answer.tokens))) for answer in answers]


def move_probabilities(tokens: Sequence[Token]) -> Sequence[Token]:
    """Give each token but the first the probability of the token before it."""
    before = [token.logprob for token in (tokens[:1] + tokens[:-1])]  # type: ignore[operator]
    return [replace(token, logprob=logprob) for token, logprob in zip(tokens, before, strict=True)]


def at_another_temperature(tokens: Sequence[Token]) -> Sequence[Token]:
    """Give all tokens but the first probabilities as if the logits were divided by 0.5."""
    return [
        replace(token, logprob=token.logprob / (0.5 if place else 1)) for place, token in enumerate(tokens)
    ]


@contextmanager
def serving(folder: Path, change: Callable[[Sequence[Token]], Sequence[Token]] = tuple) -> Iterator[str]:
    settings = EngineSettings(
        checkpoint=str(folder), device="cpu", score="min_prob", max_new_tokens=NEW_TOKENS
    )
    with running(engine=WithFault(PaddleEngine(settings), change)) as server:
        yield f"http://127.0.0.1:{server.port}/v1"


def compare_server(checkpoint: Path, url: str, **keys: Any) -> EngineReport:
    settings = {"prompts": PROMPTS, "max_new_tokens": NEW_TOKENS, "device": "cpu", **keys}
    (report,) = compare_engines(
        checkpoint, ParitySettings(base_url=url, model="m", torch_python=None, **settings)
    )
    return report


def test_our_own_server_gives_the_same(tiny_checkpoint: Path) -> None:
    with serving(tiny_checkpoint) as url:
        report = compare_server(tiny_checkpoint, url)
    assert report.is_equal, report.text
    assert report.text.startswith(f"server, {PROMPTS} prompts: 100.0% equal boxes (32 of 32")


def test_our_own_server_gives_the_same_about_several_pictures(tiny_checkpoint: Path) -> None:
    with serving(tiny_checkpoint) as url:
        report = compare_server(tiny_checkpoint, url, pictures=2, prompts=6)
    assert report.is_equal, report.text


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_server_is_named_by_its_stage(
    tiny_checkpoint: Path, faulty: Callable[[str], Path], fault: str
) -> None:
    with serving(faulty(fault)) as url:
        report = compare_server(tiny_checkpoint, url)
    _, stage, word = FAULTS[fault]
    assert report.difference is not None, report.text
    assert report.difference.stage == stage, report.text
    assert word in report.text


@pytest.mark.parametrize("change", [move_probabilities, at_another_temperature])
def test_a_server_with_other_probabilities_differs_in_scores(
    tiny_checkpoint: Path, change: Callable[[Sequence[Token]], Sequence[Token]]
) -> None:
    with serving(tiny_checkpoint, change) as url:
        report = compare_server(tiny_checkpoint, url)
    assert report.difference is not None
    assert report.difference.stage == "scores", report.text


def test_a_server_that_answers_shorter_differs_in_decoding(tiny_checkpoint: Path) -> None:
    with serving(tiny_checkpoint) as url:
        report = compare_server(tiny_checkpoint, url, max_new_tokens=8, prompts=8)
    assert report.difference is not None
    assert report.difference.stage == "decoding", report.text
    assert f"the first at token {NEW_TOKENS}" in report.text
    assert "'the end' there" in report.text


def compare_torch(checkpoint: Path, python: Path, **keys: Any) -> EngineReport:
    settings = {"prompts": PROMPTS, "max_new_tokens": NEW_TOKENS, "device": "cpu", **keys}
    (report,) = compare_engines(checkpoint, ParitySettings(torch_python=str(python), **settings))
    return report


@pytest.mark.slow
@pytest.mark.parametrize(("pictures", "prompts"), [(1, PROMPTS), (3, 6)])
def test_transformers_gives_the_same(
    tiny_checkpoint: Path, torch_forks: Path, pictures: int, prompts: int
) -> None:
    report = compare_torch(tiny_checkpoint, torch_forks, pictures=pictures, prompts=prompts)
    assert report.is_equal, report.text


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "float16"])
def test_a_fault_of_transformers_is_named_by_its_stage(
    tiny_checkpoint: Path, torch_forks: Path, faulty: Callable[[str], Path], fault: str
) -> None:
    report = compare_torch(tiny_checkpoint, torch_forks, torch_checkpoint=str(faulty(fault)))
    assert report.difference is not None
    assert report.difference.stage == FAULTS[fault][1], report.text


@pytest.mark.slow
@pytest.mark.usefixtures("torch_python")
def test_float16_of_transformers_is_named(tiny_checkpoint: Path) -> None:
    """With the Python that is taken if none is named; the other tests have forks of it."""
    report = compare_torch(tiny_checkpoint, Path(TORCH_PYTHON), torch_dtype="float16")
    assert report.difference is not None
    assert report.difference.stage == "first token", report.text
    assert "dtype float32 here, float16 there" in report.text


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"torch_python": "/no/python"}, "torch_python: /no/python cannot be run .*make setup-torch"),
        ({"torch_python": sys.executable}, "transformers failed: .*No module named 'torch'"),
        ({"torch_python": sys.executable, "torch_checkpoint": "absent"}, "torch_checkpoint: absent is no"),
        ({"torch_python": None, "base_url": "http://127.0.0.1:9/v1"}, "no connection"),
        ({"prompts": 65}, "prompts: 65 is more than 64"),
    ],
)
def test_what_is_missing_is_one_line(tiny_checkpoint: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare_engines(tiny_checkpoint, ParitySettings(**{"device": "cpu", "prompts": 1, **keys}))


def test_the_command_prints_a_line_and_returns_1_where_something_differs(
    tiny_checkpoint: Path, faulty: Callable[[str], Path]
) -> None:
    words = ("torch_python=null", "prompts=4", "max_new_tokens=2", "model=m", "device=cpu")
    shown = []
    for folder in (tiny_checkpoint, faulty("another template")):
        with serving(folder) as url:
            command = [sys.executable, "-m", "infer.parity", str(tiny_checkpoint), f"base_url={url}", *words]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            shown.append((done.returncode, done.stdout.rstrip("\n")))
    assert shown[0] == (0, f"server, 4 prompts: 100.0% equal boxes (8 of 8{BOXLESS}): the same as paddle")
    assert shown[1][0] == 1
    assert "the first stage that differs is template: " in shown[1][1]
    assert len(shown[1][1].splitlines()) == 1
    missing = subprocess.run(
        [sys.executable, "-m", "infer.parity", "absent", *words[:1]], cwd=ROOT, capture_output=True, text=True
    )
    assert missing.returncode == 2
    assert "base_url: nothing to compare with" in missing.stderr
