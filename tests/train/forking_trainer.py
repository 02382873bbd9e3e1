"""A process that has imported PaddleFormers, and trains in forks: `python forking_trainer.py SOCKET`.

Importing PaddleFormers, and Paddle once more for its launcher, takes longer than a few steps of a tiny model.
`asked_trainer.py` stands in the place of the launcher: it sends its arguments, environment and output, and
ends with the exit code of the fork. A fork ends with the one that asked for it, and its workers with it.
"""

import json
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 1 << 20
SECONDS = 0.02
"""Between two looks at a fork."""


def main(path: str) -> None:
    """Import PaddleFormers as its process without paddlefleet does, and answer until the socket's end."""
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from models.libraries import hide_paddlefleet

    hide_paddlefleet()
    import paddleformers.cli.launcher  # noqa: F401 (the forks have it)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            asked, _ = listener.accept()
            with asked:
                _answer(asked)


def _answer(asked: socket.socket) -> None:
    message, outputs, _, _ = socket.recv_fds(asked, MOST_BYTES, 2)
    process = os.fork()
    if not process:
        _train(json.loads(message), outputs)
    for output in outputs:
        os.close(output)
    ended = 0, 0
    while not ended[0] and not select.select([asked], [], [], SECONDS)[0]:  # what asks sends nothing more
        ended = os.waitpid(process, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)  # its loader's workers, or all of it if what has asked is gone
    if ended[0]:
        asked.sendall(str(os.waitstatus_to_exitcode(ended[1])).encode())
    else:
        os.waitpid(process, 0)


def _train(asked: dict[str, object], outputs: list[int]) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        for number, output in zip((1, 2), outputs, strict=True):
            os.dup2(output, number)
        os.environ.clear()
        os.environ.update(asked["environment"])  # type: ignore[call-overload]
        sys.argv = list(asked["words"])  # type: ignore[call-overload]
        from paddleformers.cli.launcher import launch

        launch()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (whatever ends the fork belongs into its log)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
