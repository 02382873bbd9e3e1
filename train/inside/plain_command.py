"""PaddleFormers' command without paddlefleet, installed or not: `python plain_command.py train RECIPE`.

PaddleFormers imports paddlefleet when it is imported, before any plug-in runs. So its command and each of its
training processes (plain_process.py) start here, where the package is hidden first.
"""

import sys
from pathlib import Path

PROCESS = Path(__file__).resolve().with_name("plain_process.py")


def main() -> None:
    """Run PaddleFormers' command; the training processes that it starts run `plain_process.py`."""
    sys.path[0] = str(
        Path(__file__).resolve().parents[2]
    )  # it was this folder, as the file is run by its path
    from models.libraries import hide_paddlefleet

    hide_paddlefleet()
    from paddleformers.cli import cli, launcher

    launcher.__file__ = str(PROCESS)  # what the command starts in every process
    cli.main()


if __name__ == "__main__":
    main()
