"""The files that the app keeps for its visitors: who may read them, how many there are, how long they stay.

Every file is listed here and lies in a folder with a secret name (128 random bits). The first session that
names an upload owns it: no other session can ask about it. A path that is not listed is never opened.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from visualize.app.uploads.checked_picture import MEGA

KEPT_SECONDS = 3600.0
"""How long a file of a session stays after its last use."""

UNCLAIMED_SECONDS = 600.0
"""How long an upload stays that no session has named. The page names it at once, a program when it asks."""

GRACE_SECONDS = 30.0
"""How long the files of a closed session stay: a connection that broke is back by then."""

SWEEP_SECONDS = 30.0
"""How often the app looks for files whose time is over."""

UPLOADS_KEPT, ANSWERS_KEPT = 16, 16
"""Files of each kind that a session keeps, the latest. The page shows one of each, programs may ask ahead."""

FORM_BYTES = 65_536
"""What the form around an uploaded file may take: boundaries and headers."""

RECEIVING_SHARES = 2
"""A visitor may take one of so many shares of what is received at the same time: slow uploads leave room."""

SMALLEST_CHARGE = 65_536
"""Bytes that a file counts as at least, so that many small files are limited as well."""


class UploadRefusedError(Exception):
    """An upload that exceeds a limit: the HTTP status, and a sentence with the limit and what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        """Keep both for the response."""
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True)
class StorageLimits:
    """Bytes: of an upload, of all being received, of the stored ones of a visitor, and of all stored ones.

    A visitor is a network address, as an upload names no session.
    """

    upload: int
    receiving: int
    visitor: int
    stored: int


@dataclass
class _File:
    """A listed file; `session` is None until one names it, and for examples, which everybody may read."""

    path: Path
    visitor: str
    size: int
    used: float
    session: str | None = None
    is_answer: bool = False
    is_shared: bool = False


@dataclass
class StoredFiles:
    """All files of a folder that the app keeps for its visitors; safe to use from several threads."""

    folder: Path
    limits: StorageLimits
    clock: Callable[[], float] = time.monotonic
    _files: dict[str, _File] = field(default_factory=dict)
    _receiving: dict[Path, tuple[str, int]] = field(default_factory=dict)
    _closed: dict[str, float] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start_upload(self, visitor: str, size: int) -> Path:
        """Return a new folder to receive an upload of `size` bytes in; `end_upload` has to follow.

        Raises:
            UploadRefusedError: the upload exceeds a limit.
        """
        with self._lock:
            self.sweep()
            size = max(size, SMALLEST_CHARGE)
            coming = list(self._receiving.values())
            stored = [(file.visitor, file.size) for file in self._files.values() if not file.is_shared]
            limits, own = self.limits, _bytes_of(coming, visitor)
            share = max(limits.receiving // RECEIVING_SHARES, limits.upload + FORM_BYTES)
            place = f"receiving_megabytes={limits.receiving / MEGA:g}"
            _check(own + size, share, f"being uploaded from your address: a share of {place}")
            _check(_bytes_of(coming) + size, limits.receiving, f"being uploaded: {place}")
            own += _bytes_of(stored, visitor) + size
            place = f"visitor_megabytes={limits.visitor / MEGA:g}"
            _check(own, limits.visitor, f"stored for your address: {place}")
            every = _bytes_of(stored + coming) + size
            _check(every, limits.stored, f"stored: stored_megabytes={limits.stored / MEGA:g}")
            folder = self._secret_folder()
            self._receiving[folder] = visitor, size
            return folder

    def end_upload(self, folder: Path, path: Path | None) -> None:
        """List an upload that was received in a folder; without a path, forget it and delete the folder."""
        with self._lock:
            visitor, _ = self._receiving.pop(folder)
            if path is not None:
                self._list(path, visitor)
        if path is None:
            shutil.rmtree(folder, ignore_errors=True)

    def share(self, source: Path) -> Path:
        """Copy a file that everybody may read, and return the path of the copy."""
        path = self._secret_folder() / source.name
        shutil.copyfile(source, path)
        self._list(path, "").is_shared = True
        return path

    def add_answer(self, session: str, write: Callable[[Path], None]) -> Path:
        """Let `write` write the picture of an answer for a session, and return its path."""
        path = self._secret_folder() / "answer.png"
        write(path)
        with self._lock:
            file = self._list(path, "")
            file.session, file.is_answer = session, True
            self._trim(session)
        return path

    def find(self, session: str | None, named: object) -> Path | None:
        """Return the path of a file that a session may read, as the session named it, or None.

        An upload that no session has named yet is the session's from now on.
        """
        with self._lock:
            file = self._files.get(named) if isinstance(named, str) else None
            if file is None or session is None or file.session not in (None, session):
                return None
            self._closed.pop(session, None)
            file.used = self.clock()
            if not file.is_shared:
                file.session = session
                self._trim(session)
            return file.path

    def fetched(self, named: str) -> Path | None:
        """Return the path of a listed file: its secret name is all that a browser can show for it."""
        with self._lock:
            file = self._files.get(named)
        return None if file is None or file.path.is_symlink() or not file.path.is_file() else file.path

    def close_session(self, session: str) -> None:
        """Delete the files of a session that has ended, GRACE_SECONDS later, unless it comes back."""
        with self._lock:
            if any(self._of(session)):
                self._closed[session] = self.clock()
            self.sweep()

    def sweep(self) -> None:
        """Delete the files of closed sessions, and those that were not used for long."""
        with self._lock:
            now = self.clock()
            ended = {name for name, when in self._closed.items() if now - when >= GRACE_SECONDS}
            for file in list(self._files.values()):
                kept = UNCLAIMED_SECONDS if file.session is None else KEPT_SECONDS
                if not file.is_shared and (file.session in ended or now - file.used >= kept):
                    self._delete(file)
            for name in ended:
                del self._closed[name]

    @contextmanager
    def swept(self) -> Iterator[None]:
        """Delete files whose time is over every SWEEP_SECONDS while the block runs."""
        is_over = threading.Event()

        def sweep_on() -> None:
            while not is_over.wait(SWEEP_SECONDS):
                self.sweep()

        thread = threading.Thread(target=sweep_on, name="sweep", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _secret_folder(self) -> Path:
        folder = self.folder / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        return folder

    def _list(self, path: Path, visitor: str) -> _File:
        size = max(path.stat().st_size, SMALLEST_CHARGE)
        file = self._files[str(path)] = _File(path, visitor, size, self.clock())
        return file

    def _trim(self, session: str) -> None:
        """Delete the oldest files of a session beyond the number of its kind that is kept."""
        for is_answer, kept in ((False, UPLOADS_KEPT), (True, ANSWERS_KEPT)):
            own = [file for file in self._of(session) if file.is_answer is is_answer]
            for file in sorted(own, key=lambda file: file.used)[:-kept]:
                self._delete(file)

    def _of(self, session: str) -> Iterator[_File]:
        return (file for file in self._files.values() if file.session == session)

    def _delete(self, file: _File) -> None:
        del self._files[str(file.path)]
        top = self.folder / file.path.relative_to(self.folder).parts[0]
        shutil.rmtree(top, ignore_errors=True)


def _bytes_of(sizes: Iterable[tuple[str, int]], visitor: str | None = None) -> int:
    """Return the sum of the sizes, of one visitor or of all."""
    return sum(size for owner, size in sizes if visitor in (None, owner))


def _check(size: int, limit: int, what: str) -> None:
    """Refuse an upload with which `size` bytes of `limit` would be taken; `what` names the limit's key."""
    if size > limit:
        raise UploadRefusedError(429, f"Too much is {what}. Try again later.")
