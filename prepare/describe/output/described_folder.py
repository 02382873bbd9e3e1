"""The folder that is written: expressions and their images, how they were made, and the page.

descriptions.jsonl  images/   what `python -m prepare recipes/prepare/described.yaml` reads
described.json                how they were made, and what was dropped
samples.html                  some regions with all that was said about them
teacher/answers.jsonl         every answer, so that no question is asked twice
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE
from grounding.errors import UserError
from grounding.files import link_or_copy, replacing, write_json, write_text
from grounding.layout import ALL_JSONL_FILES
from prepare.describe.asking.teacher_questions import cycle_wording, description_text
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.output.described_tally import DescribedTally
from prepare.describe.output.sample_page import render_samples
from prepare.progress import watched
from prepare.servers.request_budget import Spent

DESCRIPTIONS_FILE = "descriptions.jsonl"
DESCRIBED_FILE = "described.json"
SAMPLES_PAGE = "samples.html"
ANSWERS_FILE = "teacher/answers.jsonl"

DESCRIBED_VERSION = 1

PLACES = (
    "base_url",
    "output_dir",
    "concurrency",
    "timeout",
    "retries",
    "most_failures",
    "limit",
    "guard",
    "request",
)
"""Settings that described.json leaves out: they do not change descriptions, or can hold secrets."""


def check_output(folder: Path, dataset: Path) -> None:
    """Refuse to write into a data set, or over another program's descriptions.

    Raises:
        UserError: the folder holds something else.
    """
    if folder.resolve() == dataset.resolve():
        raise UserError(f"output_dir: {folder} is the data set itself: choose another output_dir")
    for name in (CARD_FILE, *ALL_JSONL_FILES.values()):
        if (folder / name).exists():
            raise UserError(f"output_dir: {folder} holds {name}, a data set: choose another output_dir")
    if (folder / DESCRIPTIONS_FILE).exists() and not (folder / ANSWERS_FILE).is_file():
        raise UserError(f"output_dir: {folder} holds another {DESCRIPTIONS_FILE}: choose another output_dir")


def write_described(
    folder: Path, dataset: Path, tally: DescribedTally, spent: Spent, guarded: list[dict[str, Any]]
) -> None:
    """Write everything but the log; each file is complete or not there.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    names = sorted(tally.lines)
    for name in watched(names, "linking images"):
        link_or_copy(dataset / name, folder / name)
    with replacing(folder / DESCRIPTIONS_FILE) as file:
        for name in names:
            file.writelines(f"{line}\n".encode() for line in tally.lines[name])
    write_json(folder / DESCRIBED_FILE, _provenance(dataset, tally, spent, guarded))
    write_text(folder / SAMPLES_PAGE, render_samples(dataset, tally))


def _provenance(
    dataset: Path, tally: DescribedTally, spent: Spent, guarded: list[dict[str, Any]]
) -> dict[str, Any]:
    settings = tally.settings
    return {
        "version": DESCRIBED_VERSION,
        "dataset": dataset.resolve().name,
        "teacher": settings.model,
        "question": description_text(settings, "{label}"),
        "cycle": _cycle(settings),
        "settings": _kept_settings(settings),
        "request_fields": sorted(settings.request),
        "guard": guarded,
        "first_answer": tally.first_time or None,
        "last_answer": tally.last_time or None,
        "regions": {
            "described": tally.described,
            "without_description": tally.regions - tally.described,
            "not_asked_yet": tally.unfinished,
        },
        "descriptions": {"kept": tally.kept, "dropped": dict(sorted(tally.dropped.items()))},
        "spent": asdict(spent),
    }


def _cycle(settings: DescribeSettings) -> dict[str, Any] | None:
    if not settings.cycle.enabled:
        return None
    return {
        "model": settings.cycle.model or settings.model,
        "question": cycle_wording(settings),
        "iou": settings.cycle.iou,
    }


def _kept_settings(settings: DescribeSettings) -> dict[str, Any]:
    kept = {key: value for key, value in asdict(settings).items() if key not in PLACES}
    kept["cycle"] = {key: value for key, value in kept["cycle"].items() if key != "base_url"}
    return kept
