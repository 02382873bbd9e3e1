"""Train in a fork of `forking_trainer.py`: `python asked_trainer.py SOCKET WORD...`."""

import json
import os
import socket
import sys


def main() -> int:
    """Hand over arguments, environment and output, and return the fork's exit code."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trainer:
        trainer.connect(sys.argv[1])
        asked = {"words": sys.argv[2:], "environment": dict(os.environ)}
        socket.send_fds(trainer, [json.dumps(asked).encode()], [1, 2])
        return int(trainer.recv(16) or b"1")


if __name__ == "__main__":
    sys.exit(main())
