import pytest

from visualize.app.uploads import stored_files
from visualize.app.uploads.stored_files import (
    ANSWERS_KEPT,
    GRACE_SECONDS,
    KEPT_SECONDS,
    SMALLEST_CHARGE,
    UNCLAIMED_SECONDS,
    UPLOADS_KEPT,
    StorageLimits,
    StoredFiles,
    UploadRefusedError,
)

MEGA = 1_000_000
LIMITS = StorageLimits(upload=MEGA, receiving=2 * MEGA, visitor=3 * MEGA, stored=5 * MEGA)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(tmp_path, clock):
    return StoredFiles(tmp_path, LIMITS, clock)


def store(files, visitor="a", size=10):
    folder = files.start_upload(visitor, size)
    path = folder / "x.png"
    path.write_bytes(bytes(size))
    files.end_upload(folder, path)
    return path


def refused(files, visitor, size):
    with pytest.raises(UploadRefusedError) as caught:
        files.start_upload(visitor, size)
    assert caught.value.status == 429
    return caught.value.sentence


def test_the_first_session_that_names_an_upload_owns_it(files):
    path = store(files)
    assert files.find(None, str(path)) is None
    assert files.find("one", str(path)) == path
    assert files.find("two", str(path)) is None
    assert files.find("one", str(path)) == path
    for named in (None, 1, [], {}, "", str(path.parent), f"{path.parent}/./x.png", "/etc/passwd"):
        assert files.find("one", named) is None


def test_what_everybody_may_see_belongs_to_nobody_and_stays(files, clock, tmp_path):
    source = tmp_path / "example.png"
    source.write_bytes(b"x")
    shared = files.share(source)
    assert shared.name == "example.png"
    assert [files.find(session, str(shared)) for session in ("one", "two")] == [shared, shared]
    files.close_session("one")
    clock.now += 10 * KEPT_SECONDS
    files.sweep()
    assert files.fetched(str(shared)) == shared


def test_limits_of_receiving_visitor_and_all(files):
    first = files.start_upload("a", MEGA)
    assert "from your address: a share of receiving_megabytes=2" in refused(files, "a", MEGA)
    second = files.start_upload("b", MEGA)
    assert "receiving_megabytes=2" in refused(files, "c", 1)
    files.end_upload(first, None)
    assert not first.exists()
    files.end_upload(second, None)
    for _ in range(3):
        store(files, "a", MEGA)
    assert "visitor_megabytes=3" in refused(files, "a", 1)
    store(files, "b", MEGA)
    store(files, "b", MEGA)
    assert "stored_megabytes=5" in refused(files, "c", 1)


def test_many_small_files_are_limited_as_well(files):
    for _ in range(LIMITS.visitor // SMALLEST_CHARGE):
        store(files, "a", 1)
    assert "visitor_megabytes" in refused(files, "a", 1)


def test_what_no_session_names_is_deleted_soon_and_what_one_uses_later(files, clock):
    unnamed, named = store(files), store(files)
    files.find("one", str(named))
    clock.now += UNCLAIMED_SECONDS
    files.sweep()
    assert (unnamed.parent.exists(), named.exists()) == (False, True)
    clock.now += KEPT_SECONDS
    files.sweep()
    assert not named.parent.exists()
    assert files.find("one", str(named)) is None


def test_a_closed_session_has_time_to_come_back(files, clock):
    paths = {session: store(files) for session in ("gone", "back")}
    for session, path in paths.items():
        files.find(session, str(path))
        files.close_session(session)
    clock.now += GRACE_SECONDS / 2
    assert files.find("back", str(paths["back"])) == paths["back"]
    clock.now += GRACE_SECONDS / 2
    files.sweep()
    assert (paths["gone"].exists(), paths["back"].exists()) == (False, True)


def test_a_session_keeps_its_latest_files(files, clock):
    uploads, answers = [], []
    for _ in range(UPLOADS_KEPT + 2):
        clock.now += 1
        uploads.append(store(files))
        assert files.find("one", str(uploads[-1])) == uploads[-1]
    for _ in range(ANSWERS_KEPT + 2):
        clock.now += 1
        answers.append(files.add_answer("one", lambda path: path.write_bytes(b"x")))
    assert [path.exists() for path in uploads] == [False] * 2 + [True] * UPLOADS_KEPT
    assert [path.exists() for path in answers] == [False] * 2 + [True] * ANSWERS_KEPT
    assert files.find("two", str(answers[-1])) is None


def test_the_sweep_runs_by_itself(files, clock, monkeypatch):
    monkeypatch.setattr(stored_files, "SWEEP_SECONDS", 0.01)
    path = store(files)
    clock.now += UNCLAIMED_SECONDS
    with files.swept():
        for _ in range(6000):
            if not path.exists():
                break
            stored_files.threading.Event().wait(0.01)
    assert not path.exists()
