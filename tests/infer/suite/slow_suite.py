"""`python slow_suite.py LOG SUITE key=value ...`: run a suite slowly, logging what is asked."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from grounding.suites.suite_recipe import load_suite
from infer.engines.protocol import RawAnswer, Request
from infer.suite.suite_run import run_suite
from tests.infer.suite.drawn_sets import ScriptedEngine


class SlowScriptedEngine(ScriptedEngine):
    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        time.sleep(0.2)
        with Path(sys.argv[1]).open("a", encoding="utf-8") as file:
            file.write("".join(f"{request.picture}\n" for request in requests))
        return super().answer(requests)


if __name__ == "__main__":
    suite = Path(sys.argv[2])
    run_suite(load_suite(suite, sys.argv[3:]), suite, lambda settings: SlowScriptedEngine())
