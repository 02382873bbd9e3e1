"""A model's folder with code of its own: its tokenizer and processor are loaded without it."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from models.libraries import keep_model_code_out
from models.processors import load_processor, load_tokenizer
from train.inside.patches.paddleformers_1_2.always.run_no_model_code import run_no_model_code


@pytest.fixture
def hostile(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make a model folder whose auto_map names code that writes a file; somebody types y at the terminal."""
    from transformers import dynamic_module_utils

    for name in ("TIME_OUT_REMOTE_CODE", "get_cached_module_file", "get_class_in_module"):
        monkeypatch.setattr(dynamic_module_utils, name, getattr(dynamic_module_utils, name))
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 20))

    def make(file: str, auto_map: dict[str, Any], **more: object) -> Path:
        folder = tmp_path / "hostile"
        shutil.copytree(tiny_model, folder)
        code = f"open({str(tmp_path / 'written')!r}, 'w')\nclass Own: pass\n"
        (folder / "own.py").write_text(code)
        content = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
        (folder / file).write_text(json.dumps({**content, **more, "auto_map": auto_map}))
        return folder

    return make


CASES = [
    ("preprocessor_config.json", {"AutoProcessor": "own.Own"}, {"processor_class": "Own"}),
    ("preprocessor_config.json", {"AutoImageProcessor": "own.Own"}, {"image_processor_type": "Own"}),
    ("processor_config.json", {"AutoProcessor": "own.Own"}, {"processor_class": "Own"}),
    ("tokenizer_config.json", {"AutoTokenizer": ["own.Own", "own.Own"]}, {"tokenizer_class": "Own"}),
    ("config.json", {"AutoConfig": "own.Own", "AutoProcessor": "own.Own"}, {}),
]


@pytest.mark.parametrize(("file", "auto_map", "more"), CASES)
def test_no_code_of_a_folder_runs(
    hostile: Callable[..., Path], tmp_path: Path, file: str, auto_map: dict[str, Any], more: dict[str, str]
) -> None:
    folder = hostile(file, auto_map, **more)
    for load in (load_processor, load_tokenizer):
        with suppress(UserError):
            load(folder)
    assert not (tmp_path / "written").exists()


def test_the_door_is_closed_to_a_loader_that_trusts(hostile: Callable[..., Path], tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = hostile("tokenizer_config.json", {"AutoTokenizer": ["own.Own", None]}, tokenizer_class="Own")
    keep_model_code_out()
    with pytest.raises(UserError, match=r"brings code of its own \(auto_map\), which is not run"):
        AutoTokenizer.from_pretrained(folder, trust_remote_code=True, use_fast=False)
    assert not (tmp_path / "written").exists()


def test_the_trainers_loaders_run_no_code(
    hostile: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddleformers.transformers import AutoProcessor, AutoTokenizer

    folder = hostile("tokenizer_config.json", {"AutoTokenizer": ["own.Own", None]}, tokenizer_class="Own")
    for loader in (AutoProcessor, AutoTokenizer):
        monkeypatch.setattr(loader, "from_pretrained", loader.from_pretrained)
    run_no_model_code()
    for loader in (AutoProcessor, AutoTokenizer):
        with suppress(ValueError, UserError):
            loader.from_pretrained(str(folder))
    assert not (tmp_path / "written").exists()
