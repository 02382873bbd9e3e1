"""The whole step: regions, the guard, the estimate, the questions, and the folder that is written."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.tables import format_table
from prepare.describe.asking.region_asker import RegionAsker
from prepare.describe.asking.teacher_questions import cycle_wording, description_text, most_tokens
from prepare.describe.asking.teacher_server import teacher_servers
from prepare.describe.asking_images import UnfinishedImage, ask_about_images
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import (
    GUARDED,
    FoundRegions,
    TeacherImage,
    find_regions,
    first_regions,
)
from prepare.describe.guard.guarded_images import find_guarded, guarded_paths, refuse_guarded
from prepare.describe.output.described_folder import ANSWERS_FILE, SAMPLES_PAGE, check_output, write_described
from prepare.describe.output.described_tally import DescribedTally
from prepare.describe.verifying.label_words import LabelWords, check_words, load_words
from prepare.progress import progress_bar
from prepare.servers.answer_log import open_log
from prepare.servers.request_budget import RequestBudget, Spent
from prepare.write.lock import only_run

logger = logging.getLogger(__name__)


def describe_dataset(dataset: Path, settings: DescribeSettings) -> str:
    """Describe the regions of a data set, write the folder, and return the report.

    Interrupted runs resume: questions that were answered are not asked again.

    Raises:
        UserError: something is wrong with data set, settings, server or output folder, or an image is in an
            evaluation set.
    """
    output = Path(settings.output_dir).expanduser()
    check_output(output, dataset)
    words = load_words(settings.text.words)
    if settings.cycle.enabled:
        cycle_wording(settings)  # refuses a wrong one before anything is read
    if settings.split == "val":
        logger.warning(
            "split=val: these images are what scores are measured on: train on no description of them"
        )
    found = find_regions(dataset, settings)
    if settings.text.name_label:
        check_words(
            (region.label for image in found.images for region in image.regions), words, settings.language
        )
    images = _unguarded(found, settings)
    with only_run(output), open_log(output / ANSWERS_FILE) as log:
        budget = RequestBudget(settings.max_requests, settings.max_tokens, log.spent)
        chosen = first_regions(images, settings.limit)
        for line in estimate(chosen, settings, log.spent, len(log.answers)):
            logger.info(line)
        asker = RegionAsker(teacher_servers(settings, log, budget), settings)
        tally = _ask(chosen, asker, words)
        write_described(output, dataset, tally, budget.spent, _guard_facts(settings))
        return _report(tally, found, budget.spent, sum(len(image.regions) for image in images), output)


def _unguarded(found: FoundRegions, settings: DescribeSettings) -> tuple[TeacherImage, ...]:
    """Return the images that no evaluation set has.

    Raises:
        UserError: there are some, and they are not to be skipped; or nothing is left.
    """
    finds = find_guarded(found.images, settings)
    if settings.guarded == "refuse":
        refuse_guarded(finds, len(found.images))
    guarded = {find.image.name for find in finds}
    if guarded:
        logger.warning("guard: %d images are in an evaluation set: left out", len(guarded))
        found.left_out[GUARDED] += sum(len(find.image.regions) for find in finds)
    images = tuple(image for image in found.images if image.name not in guarded)
    if not images:
        raise UserError("guard: every image is in an evaluation set: describe another split or data set")
    return images


def _guard_facts(settings: DescribeSettings) -> list[dict[str, Any]]:
    places = [Path(place).expanduser() for place in settings.guard]
    return [{"set": place.resolve().name, "images": len(guarded_paths(place))} for place in places]


def estimate(
    images: Sequence[TeacherImage], settings: DescribeSettings, spent: Spent, answers: int
) -> list[str]:
    """Return what the run will take at most, and its budget, as lines of text."""
    regions = sum(len(image.regions) for image in images)
    kinds = 2 if settings.cycle.enabled else 1
    requests = regions * settings.samples * kinds
    tokens = settings.samples * sum(_region_tokens(image, settings) for image in images)
    lines = [
        f"{regions:,} regions of {len(images):,} images, {settings.samples} descriptions each: at most "
        f"{requests:,} requests without retries, {tokens:,} tokens"
        + (f"; {answers:,} answers are in the log" if answers else "")
    ]
    limits = [
        f"{most:,} {unit} ({taken:,} spent)"
        for most, unit, taken in (
            (settings.max_requests, "requests", spent.requests),
            (settings.max_tokens, "tokens", spent.tokens),
        )
        if most is not None
    ]
    return [*lines, f"budget: {', '.join(limits) or 'none (max_requests, max_tokens)'}"]


def _region_tokens(image: TeacherImage, settings: DescribeSettings) -> int:
    """Return the most tokens of one description and its grounding, for all regions of an image."""
    total = 0
    for region in image.regions:
        text = description_text(settings, region.label)
        total += most_tokens(text, image.size, settings.max_pixels, settings.max_new_tokens)
    if settings.cycle.enabled:
        longest = cycle_wording(settings) + "x" * 4 * settings.max_new_tokens
        grounding = most_tokens(longest, image.size, settings.max_pixels, settings.cycle.max_new_tokens)
        total += grounding * len(image.regions)
    return total


def _ask(images: Sequence[TeacherImage], asker: RegionAsker, words: LabelWords) -> DescribedTally:
    tally = DescribedTally(asker.settings)
    total = sum(len(image.regions) for image in images)
    with progress_bar(total, "describing", "region") as progress:
        for result in ask_about_images(images, asker, words):
            if isinstance(result, UnfinishedImage):
                tally.unfinished += len(result.image.regions)
                continue
            tally.add(result)
            progress.update(len(result.regions))
    return tally


def _report(tally: DescribedTally, found: FoundRegions, spent: Spent, regions: int, output: Path) -> str:
    rows = [("kept", f"{tally.kept:,}")]
    rows += [(reason, f"{count:,}") for reason, count in tally.dropped.most_common()]
    lines = [format_table(("descriptions", "number"), rows), ""]
    lines += [f"left out: {reason}: {count:,}" for reason, count in sorted(found.left_out.items()) if count]
    lines.append(
        f"{tally.described:,} of {tally.regions:,} regions are described; {spent.requests:,} requests, "
        f"{spent.tokens:,} tokens in all starts"
    )
    if tally.unfinished:
        lines.append(
            f"the budget is spent: {tally.unfinished:,} regions are not asked about yet: raise max_requests "
            "or max_tokens, and repeat the command"
        )
    if tally.unanswered:
        lines.append(f"{tally.unanswered:,} descriptions wait for an answer: repeat the command to ask again")
    if (left := regions - tally.regions - tally.unfinished) > 0:
        lines.append(
            f"stopped at limit={tally.settings.limit}, {left:,} regions are left: look at "
            f"{output / SAMPLES_PAGE}, then repeat the command without limit"
        )
    return "\n".join(lines)
