"""The suites of a train recipe, run on the finished checkpoint: each as inference's own command."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.suites.suite_recipe import SUITES_FOLDER
from train.keys import SUITES_KEY
from train.launch.child_command import run_to_end
from train.nodes import this_node

log = logging.getLogger(__name__)


def suites_of(recipes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the suites that recipes name, each once, in their order."""
    return list(dict.fromkeys(str(name) for values in recipes for name in values.get(SUITES_KEY) or ()))


def measure_finished(suites: Sequence[str], checkpoint: Path) -> int:
    """Run the suites on a finished run's checkpoint, and return 0, or the exit code of the first that failed.

    Each is `python -m infer.suite`, which writes its table into suites/NAME of the run's folder. What is
    measured already is not asked again. A suite that fails does not keep the others from running. Of several
    nodes, the first does this.
    """
    if this_node().rank:
        return 0
    failed = 0
    for number, suite in enumerate(suites, start=1):
        place = checkpoint / SUITES_FOLDER / Path(suite).stem
        log.info("%s: suite %d of %d on %s", suite, number, len(suites), checkpoint)
        if code := run_to_end([sys.executable, "-m", "infer.suite", suite, f"checkpoint={checkpoint}"]):
            log.error("%s: ended with exit code %d: repeat the command to resume", suite, code)
            failed = failed or code
        else:
            log.info("%s: %s", suite, place)
    return failed
