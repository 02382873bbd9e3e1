"""A Python that has imported libraries, and runs scripts in forks: `python forking_python.py SOCKET IMPORTS`.

IMPORTS is a file that imports them: that takes longer than what most tests do with them. `asking.py` stands
in the place of a script's process: it sends the words, and for each process an environment and an output. It
ends with the exit code of the forks: 0, or that of the first that failed, which ends the others. Forks end
with the one that asked for them, and their workers with them.
"""

import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])
from tests.forks.end_of_fork import run_and_end  # noqa: E402

LENGTH_BYTES = 16
"""The first bytes of a message say how many follow."""
MOST_OUTPUTS = 8
SECONDS = 0.02
"""Between two looks at the forks."""


def main(path: str, imports: str) -> None:
    """Import, and answer until the socket's end."""
    runpy.run_path(imports)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            asked, _ = listener.accept()
            with asked:
                _answer(asked)


def _answer(asked: socket.socket) -> None:
    length, outputs, _, _ = socket.recv_fds(asked, LENGTH_BYTES, MOST_OUTPUTS, socket.MSG_WAITALL)
    message = json.loads(asked.recv(int(length), socket.MSG_WAITALL))
    pairs = [outputs[:2], *([output, output] for output in outputs[2:])]
    forks = []
    for environment, pair in zip(message.pop("environments"), pairs, strict=True):
        process = os.fork()
        if not process:
            run_and_end(partial(_run, environment, pair, **message))
        forks.append(process)
    for output in outputs:
        os.close(output)
    code = _wait(asked, set(forks))
    for process in forks:
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # its workers, or all of it if nobody waits for it
        with suppress(ChildProcessError):
            os.waitpid(process, 0)
    with suppress(BrokenPipeError):
        asked.sendall(str(code).encode())


def _wait(asked: socket.socket, running: set[int]) -> int:
    """Return 0 when all have ended well; else the first other exit code, or 1 when what asked is gone."""
    while not select.select([asked], [], [], SECONDS)[0]:  # what asks sends nothing more
        for process in tuple(running):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended and (code := os.waitstatus_to_exitcode(status)):
                return code
            running -= {ended}
        if not running:
            return 0
    return 1


def _run(environment: dict[str, str], outputs: list[int], words: list[str], folder: str) -> None:
    os.setpgid(0, 0)
    for number, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = words
    sys.path[:1] = [str(Path(words[0]).parent), *environment.get("PYTHONPATH", "").split(os.pathsep)]
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
