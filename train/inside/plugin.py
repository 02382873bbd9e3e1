"""The file that PaddleFormers executes in every training process (`custom_register_path`).

It applies the patches that this machine and this recipe need (train/inside/patches/needed.py). Importing it
as `train.inside.plugin` changes nothing.
"""

import sys
from pathlib import Path

MODULE = "train.inside.plugin"


def _main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # PaddleFormers loads the file by its path
    from paddleformers.cli.hparams.parser import read_args
    from paddleformers.utils.log import logger

    from train.child_environment import blank_environment_dumps
    from train.inside.patches.needed import apply_patches
    from train.inside.patches.supported import refuse_other_versions

    blank_environment_dumps()
    refuse_other_versions()
    recipe = read_args()
    if not isinstance(recipe, dict):  # command line flags in place of a recipe
        recipe = {}
    logger.info(f"plug-in: {', '.join(apply_patches(recipe))}")


if __name__ != MODULE:
    _main()
