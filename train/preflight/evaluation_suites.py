"""Check of grounding_eval_suites: what a finished run is measured on has to be there before it starts."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from grounding.errors import UserError
from grounding.suites.suite_recipe import load_suite
from grounding.suites.suite_sets import list_sets, missing_parts
from train.keys import SUITES_KEY
from train.recipe import TrainRecipe


def evaluation_suites(recipe: TrainRecipe) -> Iterator[str]:
    """The suites must be files that inference can run, and all of their sets must be prepared."""
    named = recipe.values.get(SUITES_KEY)
    if not isinstance(named, list):
        return  # the check of the types reports another value
    from infer.suite.suite_members import check_asked

    folders: dict[str, str] = {}
    for name in named:
        if not isinstance(name, str):
            yield f"{SUITES_KEY}: {name!r}: a list of files is needed, such as [recipes/suites/coco.yaml]"
            continue
        path = Path(name)
        if path.stem in folders:
            yield f"{SUITES_KEY}: {name} and {folders[path.stem]} write into one folder: rename one"
        folders[path.stem] = name
        try:
            suite = load_suite(path)
            if suite.checkpoint is not None or suite.output_dir is not None:
                yield f"{SUITES_KEY}: {name}: checkpoint and output_dir are those of the run: leave them out"
            check_asked(dataclasses.replace(suite, checkpoint=str(recipe.values.get("output_dir"))), path)
            for one in list_sets(suite, path):
                for problem in missing_parts(one):
                    yield f"{SUITES_KEY}: {name}: {one.name}: {problem}"
        except UserError as error:
            yield f"{SUITES_KEY}: {error}"
