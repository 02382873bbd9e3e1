import json
import shutil
from pathlib import Path

import pytest

from grounding.errors import UserError
from models.processors import load_tokenizer
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model
from train.tiny.tokenizer import CHAT_TEMPLATE

TEXT = "<|im_start|>红色的猫 (12,345),(678,1000)<|im_end|>"


@pytest.fixture
def published(tiny_model: Path, tmp_path: Path) -> Path:
    """The two files of a published tokenizer, with another chat template."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": "other"}))
    return folder


@pytest.mark.parametrize("is_old", [False, True])
def test_a_published_tokenizer_is_taken_as_it_is(
    published: Path, tiny_model: Path, tmp_path: Path, is_old: bool
) -> None:
    if is_old:
        layout = json.loads((published / "tokenizer.json").read_text())
        layout["model"]["merges"] = [" ".join(pair) for pair in layout["model"]["merges"]]
        (published / "tokenizer.json").write_text(json.dumps(layout))
    folder = tmp_path / "model"
    write_tiny_model(folder, TinySettings(tokenizer=str(published), vocabulary=2048))
    for name in ("vocab.json", "merges.txt", "chat_template.json"):
        assert (folder / name).read_bytes() == (tiny_model / name).read_bytes(), name
    assert json.loads((folder / "config.json").read_text())["text_config"]["vocab_size"] == 2048
    taken, own = load_tokenizer(str(folder)), load_tokenizer(str(tiny_model))
    assert taken(TEXT)["input_ids"] == own(TEXT)["input_ids"]
    assert taken.chat_template == CHAT_TEMPLATE
    assert not list(folder.glob(".tokenizer*"))


def test_what_is_no_tokenizer_of_qwen3_vl_is_refused(published: Path, tmp_path: Path) -> None:
    settings = TinySettings(tokenizer=str(published))
    layout = json.loads((published / "tokenizer.json").read_text())
    for problem, added, model in (
        (
            r"has no <\|box_start\|>",
            [t for t in layout["added_tokens"] if "box_start" not in t["content"]],
            ...,
        ),
        ("not a BPE tokenizer", layout["added_tokens"], {"type": "WordLevel"}),
    ):
        changed = {**layout, "added_tokens": added, "model": layout["model"] if model is ... else model}
        (published / "tokenizer.json").write_text(json.dumps(changed))
        with pytest.raises(UserError, match=problem):
            write_tiny_model(tmp_path / "model", settings)
    (published / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"has no tokenizer\.json: name a model folder"):
        write_tiny_model(tmp_path / "model", settings)
    assert not list((tmp_path / "model").iterdir())


@pytest.mark.parametrize("vocabulary", [64, 1000, 2049])
def test_a_vocabulary_that_does_not_hold_the_tokenizer_is_refused(tmp_path: Path, vocabulary: int) -> None:
    with pytest.raises(UserError, match=f"vocabulary={vocabulary}: must be a multiple of 64, and at least"):
        write_tiny_model(tmp_path, TinySettings(vocabulary=vocabulary))
    assert not list(tmp_path.iterdir())
