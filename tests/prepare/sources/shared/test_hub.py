import logging
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.utils import filter_repo_objects

from grounding.categories import COCO_CATEGORIES
from grounding.errors import UserError
from models import hub_downloads
from prepare.sources.formats.coco_parquet import open_source
from prepare.sources.shared import hub
from prepare.sources.source_settings import SourceSettings

PATTERNS = ("**/train-*.parquet", "**/val-*.parquet")


def test_patterns_match_in_folders_and_at_the_top() -> None:
    files = ["data/train-00000-of-00040-67e3.parquet", "val-0.parquet", "a/b/val-1.parquet"]
    others = ["README.md", "data/test-0.parquet", "data/train.json"]
    assert list(filter_repo_objects(files + others, allow_patterns=hub.hub_patterns(PATTERNS))) == files


def test_files_come_from_the_folder_that_the_hub_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    for name in ("train-0.parquet", "val-0.parquet"):
        (tmp_path / "data" / name).touch()
    asked: dict[str, Any] = {}

    def fetch(repo: str, **options: Any) -> str:
        asked.update(options, repo=repo)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setattr(hub_downloads, "answers", lambda endpoint: True)
    files = open_source(SourceSettings(hub="huggingface"), COCO_CATEGORIES).files
    assert [path.name for path in (*files["train"], *files["val"])] == ["train-0.parquet", "val-0.parquet"]
    assert asked["repo"] == "detection-datasets/coco"
    assert asked["repo_type"] == "dataset"
    assert not asked["local_files_only"]


def test_without_a_network_the_cache_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda repo, **options: asked.update(options) or tmp_path
    )
    monkeypatch.setattr(hub_downloads, "answers", lambda endpoint: False)
    assert hub.download("huggingface", "me/mine", PATTERNS) == tmp_path
    assert asked["local_files_only"]


def test_no_such_repository_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(repo: str, **options: Any) -> str:
        logging.getLogger("huggingface_hub").warning("noise")
        raise ValueError(f"404: no {repo}\nsecond line")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setattr(hub_downloads, "answers", lambda endpoint: True)
    with pytest.raises(UserError) as caught:
        hub.download("huggingface", "me/mine", PATTERNS)
    assert "(404: no me/mine)" in str(caught.value)
    assert "`hf download --repo-type dataset me/mine --local-dir data/coco_source`" in str(caught.value)
