import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from grounding.errors import UserError
from infer.report.pictures.picture_folder import SettledPictures, has_end, list_pictures


@dataclass
class Clock:
    now: float = 0.0
    steps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now


def look(settled: SettledPictures, clock: Clock, now: float) -> list[str]:
    clock.now = now
    return list(settled.finished(list_pictures(settled.folder)))


@pytest.mark.parametrize(("form", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("BMP", "bmp")])
def test_a_picture_is_waited_for_until_it_is_whole(tmp_path: Path, form: str, suffix: str) -> None:
    source = tmp_path / f"source.{suffix}"
    Image.effect_noise((80, 60), 60).convert("RGB").save(source, form)
    content = source.read_bytes()
    camera, clock = tmp_path / "camera", Clock()
    camera.mkdir()
    settled = SettledPictures(camera, settle_seconds=1, patience_seconds=60, clock=clock)
    target = camera / source.name
    for step, length in enumerate((0, len(content) // 2, len(content) - 10, len(content) - 1)):
        target.write_bytes(content[:length])
        assert look(settled, clock, 10 * step) == []
        assert look(settled, clock, 10 * step + 9) == [], f"{length} of {len(content)} bytes"
    target.write_bytes(content)
    assert look(settled, clock, 50) == []
    assert look(settled, clock, 50.9) == []
    assert look(settled, clock, 51) == [target.name]


def test_a_damaged_picture_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    clock = Clock()
    settled = SettledPictures(tmp_path, settle_seconds=1, patience_seconds=60, clock=clock)
    assert [look(settled, clock, now) for now in (0, 30, 59, 60)] == [[], [], [], ["a.png"]]


def test_notes_of_the_camera_may_follow_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (8, 8)).save(path)
    path.write_bytes(path.read_bytes() + b"note" * 100)
    assert has_end(path)


def test_only_picture_files_of_the_folder_are_listed(tmp_path: Path) -> None:
    outside = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(outside)
    camera = tmp_path / "camera"
    (camera / "sub" / ".part").mkdir(parents=True)
    for name in ("b.PNG", "sub/a.jpeg", ".hidden.png", "sub/.part/c.png", "notes.txt"):
        (camera / name).touch()
    (camera / "link.png").symlink_to(outside)
    (camera / "inner.png").symlink_to(camera / "b.PNG")
    (camera / "folder.png").mkdir()
    with open(os.fsencode(camera) + b"/\xff.png", "wb"):  # noqa: PTH123
        pass
    assert list(list_pictures(camera)) == ["b.PNG", "inner.png", "sub/a.jpeg"]
    assert list(list_pictures(camera, only="b.PNG")) == ["b.PNG"]
    with pytest.raises(UserError, match="nowhere: no such folder"):
        list_pictures(tmp_path / "nowhere")
