"""A training process of PaddleFormers without paddlefleet, in place of paddleformers/cli/launcher.py."""

import sys
from pathlib import Path


def main() -> None:
    """Hide paddlefleet, and run the command that the arguments name."""
    sys.path[0] = str(
        Path(__file__).resolve().parents[2]
    )  # it was this folder, as the file is run by its path
    from models.libraries import hide_paddlefleet

    hide_paddlefleet()
    from paddleformers.cli.launcher import launch

    launch()


if __name__ == "__main__":
    main()
