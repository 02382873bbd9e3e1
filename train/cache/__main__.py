"""`python -m train.cache RECIPE [key=value ...]`: encode a recipe's records once, for all its runs."""

import sys
from collections.abc import Sequence

from grounding.errors import print_result, run_command, start_logging
from grounding.recipe.arguments import recipe_arguments

DESCRIPTION = """Encode the records of a train recipe once, for every start of a run.

Token ids, labels, positions and the resized pixels of all images are written into the folder that the
recipe's key grounding_cache names. A training with this key reads them memory-mapped, so that its workers
decode no image; its batches are equal bit by bit. A pixel takes three bytes: about 0.9 MB for an image of
640 x 480. Interrupted commands resume: repeat the command. Files of records that are in the cache already are
left alone; those of several recipes can lie in one folder.

Two settings are the command's own, the other keys are those of the recipe: dataset=FOLDER caches the records
of a prepared data set and not those that the recipe names, and processes=N encodes in so many processes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Encode, write, and print what lies in the cache."""
    path, words = recipe_arguments(
        None,
        prog="python -m train.cache",
        description=DESCRIPTION,
        example="python -m train.cache recipes/train/tiny_full.yaml grounding_cache=data/demo/cache",
        argv=argv,
    )
    start_logging()
    from train.cache.cache_making import make_cache

    print_result(make_cache(path, words))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
