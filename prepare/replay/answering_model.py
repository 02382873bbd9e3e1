"""Which model answers: what tells it from others, so that their answers are not mixed up in one log."""

import hashlib
from pathlib import Path

from models.folder_files import fingerprint_folder
from prepare.replay.replay_settings import ReplaySettings


def answering_models(checkpoint: str | None, settings: ReplaySettings) -> tuple[str, ...]:
    """Return what tells the answering model from others: a checkpoint by its files, wherever they lie.

    Behind it comes what told it in logs of earlier versions, whose answers count as its own.
    """
    if checkpoint is None:
        return (_hashed(settings.base_url, settings.model),)
    folder = Path(checkpoint)
    names = [fingerprint_folder(folder), _by_times(folder)] if folder.is_dir() else [_hash_text(checkpoint)]
    return tuple(_hashed(name, sorted(settings.serve.items())) for name in names)


def _by_times(folder: Path) -> str:
    """Return the hash of a checkpoint by place, sizes and times, which logs of earlier versions have."""
    parts = [str(folder.resolve())]
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in (".json", ".safetensors", ".jinja", ".txt"):
            state = path.stat()
            parts.append(f"{path.name} {state.st_size} {state.st_mtime_ns}")
    return _hash_text("\n".join(parts))


def _hashed(*parts: object) -> str:
    return _hash_text(repr(parts))


def _hash_text(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
