"""Start a Python that runs scripts in forks."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SERVER = Path(__file__).with_name("forking_python.py")
ASKING = Path(__file__).with_name("asking.py")


@contextmanager
def forking(python: str | Path, imports: Path, folder: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the socket, in a folder, of a Python that has run the file `imports`; at the end it is killed."""
    socket = folder / "socket"
    process = subprocess.Popen([python, SERVER, socket, imports], env={**os.environ, **variables})
    try:
        while not socket.exists():
            assert process.poll() is None, f"{imports} has failed"
            time.sleep(0.05)
        yield socket
    finally:
        process.kill()
        process.wait()
