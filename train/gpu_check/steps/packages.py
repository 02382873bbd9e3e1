"""Whether the installed packages fit together, and whether Paddle computes on every card."""

import re

from grounding.files import read_json
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import FLEET, Needs, Step
from train.gpu_check.workplace import Workplace

PLAIN_NAME, FLEET_NAME = "packages", f"{FLEET}-packages"
RUN_CHECK = "import paddle; paddle.utils.run_check()"
WORKS = re.compile(r"PaddlePaddle works well on (\d+) (CPU|GPU)")

FLEET_PACKAGES = ("paddlepaddle-gpu", "paddlefleet", "paddlefleet-ops")
IMPORTS = f"""
import json, sys
from importlib.metadata import version
import paddlefleet, paddlefleet_ops
json.dump({{name: version(name) for name in {FLEET_PACKAGES}}}, open(sys.argv[1], "w"))
"""
VERSIONS_FILE = "versions.json"


def plain_step() -> Step:
    """Return the step for the packages that every training uses."""
    shows = "pip check finds no conflict, and paddle.utils.run_check() computes on every card"
    return Step(2, PLAIN_NAME, shows, _check, _judge_check)


def fleet_step() -> Step:
    """Return the step for paddlefleet and its kernels."""
    shows = "paddlefleet and its kernels can be imported; records their versions"
    return Step(3, FLEET_NAME, shows, _import, _judge_import, Needs(only_gpu=True, fleet=True))


def _check(place: Workplace) -> None:
    place.run(PLAIN_NAME, ["-m", "pip", "check", "--disable-pip-version-check"], gpus=None)
    place.run(PLAIN_NAME, ["-c", RUN_CHECK], gpus=None)


def _judge_check(place: Workplace) -> Found:
    cards = len(place.machine.cards)
    wanted = (cards, "GPU") if cards else (1, "CPU")
    said = place.log_of(PLAIN_NAME).read_text(encoding="utf-8", errors="replace")
    works = [(int(number), kind) for number, kind in WORKS.findall(said)]
    clean = "No broken requirements found." in said
    found = " and ".join(
        ["no conflict" if clean else "conflicts", *(f"{number} {kind}" for number, kind in works[-1:])]
    )
    return judged(f"no conflict and {wanted[0]} {wanted[1]}", found, passed=clean and works[-1:] == [wanted])


def _import(place: Workplace) -> None:
    place.run(FLEET_NAME, ["-c", IMPORTS, str(place.folder_of(FLEET_NAME) / VERSIONS_FILE)])


def _judge_import(place: Workplace) -> Found:
    versions = read_json(place.folder_of(FLEET_NAME) / VERSIONS_FILE)
    found = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    return judged("both packages import", found, passed=set(versions) == set(FLEET_PACKAGES))
