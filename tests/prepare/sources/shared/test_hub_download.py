"""The hub libraries' real clients against a hub on loopback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prepare.pipeline import prepare_dataset

# Test modules are loaded by their path, so that what they share is, too.
sys.path.insert(0, str(Path(__file__).parent))
from hub_server import Hub, serving

ROOT = Path(__file__).parents[4]
TRAIN, VAL = "data/train-00000-of-00001.parquet", "data/val-00000-of-00001.parquet"
Make = Callable[..., Any]


@pytest.fixture
def hub(tmp_path: Path, make_row: Make, write_rows: Make) -> Hub:
    """Twenty training and five validation images; the client keeps what it gets in pieces of 10 MB."""

    def row(number: int) -> dict[str, Any]:
        made: dict[str, Any] = make_row(number)
        made["image"]["bytes"] += os.urandom(1_250_000 if number < 100 else 9_000)
        return made

    source = tmp_path / "source"
    write_rows(source / TRAIN, [row(number) for number in range(1, 21)])
    write_rows(source / VAL, [row(number) for number in range(101, 106)])
    files = {name: (source / name).read_bytes() for name in (TRAIN, VAL)}
    return Hub(files | {"README.md": b"# tiny", "data/test-00000-of-00001.parquet": b"not asked for"})


def command(tmp_path: Path) -> list[str]:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "source: {hub: huggingface, repo: me/tiny}\ncategories: [cat, dog]\n"
        f"output_dir: {tmp_path / 'dataset'}\ntotal_samples: null\n"
    )
    return [sys.executable, "-m", "prepare", str(recipe)]


def environment(hub: Hub, tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "MODELSCOPE_ENDPOINT": hub.address,
        "MODELSCOPE_CACHE": str(tmp_path / "cache"),
        "no_proxy": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
    }


def run(hub: Hub, tmp_path: Path, *overrides: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*command(tmp_path), *overrides],
        cwd=ROOT,
        env=environment(hub, tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check_data_set(tmp_path: Path, make_recipe: Make, read_folder: Make) -> None:
    """Compare with the data set made of the files as they lie on the disk; the cards name the hub."""
    prepare_dataset(make_recipe(total_samples=None, val_ratio=0.01, output_dir=str(tmp_path / "local")))
    found, wanted = read_folder(tmp_path / "dataset"), read_folder(tmp_path / "local")
    assert b'"repo": "me/tiny"' in found.pop("card.json")
    del wanted["card.json"]
    assert found == wanted


def test_only_what_is_needed_is_fetched_and_once(
    hub: Hub, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    with serving(hub):
        result = run(hub, tmp_path)
        assert result.returncode == 0, result.stderr
        assert hub.ranges(TRAIN) == hub.ranges(VAL) == [None]
        assert not hub.ranges("README.md")
        assert not hub.ranges("test-00000-of-00001.parquet")
    # Without the hub, what was fetched is enough.
    assert "already prepared" in run(hub, tmp_path).stderr
    assert hub.ranges(TRAIN) == [None]
    check_data_set(tmp_path, make_recipe, read_folder)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    hub: Hub, tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    hub.break_file, hub.break_after = TRAIN, 15_000_000
    with serving(hub):
        result = run(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    first, second = hub.ranges(TRAIN)
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= hub.break_after
    check_data_set(tmp_path, make_recipe, read_folder)


def test_a_killed_download_goes_on(hub: Hub, tmp_path: Path, make_recipe: Make, read_folder: Make) -> None:
    hub.break_file, hub.break_after, hub.stalls = TRAIN, 15_000_000, True
    with serving(hub):
        process = subprocess.Popen(
            command(tmp_path), cwd=ROOT, env=environment(hub, tmp_path), stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (hub.ranges(TRAIN) and hub.ranges(VAL)):
            time.sleep(0.01)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "dataset").exists()
        result = run(hub, tmp_path)
    assert result.returncode == 0, result.stderr
    assert hub.ranges(VAL) == [None]
    check_data_set(tmp_path, make_recipe, read_folder)


@pytest.mark.parametrize("breaks", [False, True], ids=["whole", "broken"])
def test_modelscope_serves_the_same(
    hub: Hub, tmp_path: Path, make_recipe: Make, read_folder: Make, *, breaks: bool
) -> None:
    """Its client has the data set again after a connection that breaks."""
    if breaks:
        hub.break_file, hub.break_after = TRAIN, 15_000_000
    with serving(hub):
        result = run(hub, tmp_path, "source.hub=modelscope")
    assert result.returncode == 0, result.stderr
    assert hub.ranges(VAL) == [None]
    assert [asked is None for asked in hub.ranges(TRAIN)] == [True, False][: 1 + breaks]
    assert not hub.ranges("README.md")
    check_data_set(tmp_path, make_recipe, read_folder)


@pytest.mark.parametrize("name", ["huggingface", "modelscope"])
def test_no_such_repository_is_one_line(hub: Hub, tmp_path: Path, name: str) -> None:
    with serving(hub):
        result = run(hub, tmp_path, "source.repo=me/other", f"source.hub={name}")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"source.hub: me/other cannot be fetched from {name}" in line
