"""The whole step: prompts, the server, the questions, and the folder that is written."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.prompts import draw
from grounding.record.replay_mark import is_replayed
from grounding.tables import format_table
from prepare.progress import progress_bar
from prepare.reasons import UnusableImageError
from prepare.replay.answering_model import answering_models
from prepare.replay.asking_prompts import SeenPrompt, ask_prompts
from prepare.replay.prompts_read import ReplayPrompt, read_prompts
from prepare.replay.replay_folder import (
    ANSWERS_FILE,
    check_replay_folder,
    replay_card,
    seen_image,
    write_replay,
)
from prepare.replay.replay_settings import ReplaySettings
from prepare.replay.replayed_row import NO_ANSWER, Unusable, replayed_row
from prepare.servers.answer_log import LoggedAnswer, open_log
from prepare.servers.request_budget import RequestBudget, Spent
from prepare.write.lock import only_run

logger = logging.getLogger(__name__)

IMAGE_UNREADABLE = "prompt whose image cannot be read"


@dataclass
class _Tally:
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"train": [], "val": []})
    dropped: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    unanswered: int = 0


def replay_prompts(checkpoint: str | None, prompts: Path, settings: ReplaySettings) -> str:
    """Let a checkpoint, or the server of the settings, answer prompts, and write the folder.

    Returns the report.

    Interrupted runs resume: questions that were answered are not asked again.

    Raises:
        UserError: something is wrong with checkpoint, prompts, settings, server or output folder, or no
            answer can be used.
    """
    output = Path(settings.output_dir).expanduser()
    check_replay_folder(output, prompts)
    read = read_prompts(prompts, settings.system, settings.seed)
    tally = _Tally(dropped=read.dropped)
    asked = _with_images(read.prompts[: settings.limit], tally.dropped)
    identities = answering_models(checkpoint, settings)
    with only_run(output), open_log(output / ANSWERS_FILE) as log:
        budget = RequestBudget(settings.max_requests, settings.max_tokens, log.spent)
        answers = ask_prompts(checkpoint, asked, identities, settings, log, budget)
        val = _val_groups(asked, settings)
        for item, found in zip(asked, answers, strict=True):
            _take(item, found, "val" if item.group in val else "train", tally)
        if not any(tally.rows.values()):
            reasons = ", ".join(f"{reason} ({count})" for reason, count in tally.dropped.most_common())
            raise UserError(f"{prompts}: no answer can be used{reasons and f'; {reasons}'}")
        model = settings.model or Path(checkpoint or "").name
        source = {"model": model, "prompts": prompts.resolve().name, "fingerprint": identities[0]}
        card = replay_card(settings, source, tally.rows, tally.dropped)
        write_replay(output, tally.rows, [item.image for item in asked if item.image], card)
    return _report(tally, budget.spent, len(read.prompts) - len(asked))


def _with_images(prompts: Sequence[ReplayPrompt], dropped: Counter[str]) -> list[SeenPrompt]:
    """Return the prompts whose images can be used."""
    found = []
    with progress_bar(len(prompts), "reading prompts", "prompt") as progress:
        for prompt in prompts:
            progress.update()
            if prompt.image is None:
                found.append(SeenPrompt(prompt, "", None))
                continue
            try:
                digest = hashlib.blake2b(prompt.image.read_bytes(), digest_size=16).hexdigest()
                found.append(SeenPrompt(prompt, digest, seen_image(prompt.image, digest)))
            except UnusableImageError as error:
                dropped[error.reason] += 1
            except OSError:
                dropped[IMAGE_UNREADABLE] += 1
    return found


def _val_groups(asked: Sequence[SeenPrompt], settings: ReplaySettings) -> set[str]:
    """Return the groups of the validation split: a share of all, and one at least where there are several."""
    groups = sorted({item.group for item in asked}, key=lambda group: draw(settings.seed, "val", group))
    if not settings.val_share or len(groups) < 2:
        return set()
    return set(groups[: min(len(groups) - 1, max(1, round(settings.val_share * len(groups))))])


def _take(item: SeenPrompt, found: list[LoggedAnswer | None] | None, split: str, tally: _Tally) -> None:
    """Add the record of a prompt to its split, or count why there is none."""
    if found is None:
        tally.unfinished += 1
        return
    answers = [answer for answer in found if answer is not None]
    if len(answers) < len(item.prompt.questions):
        tally.unanswered += 1
        tally.dropped[NO_ANSWER] += 1
        return
    row = replayed_row(item.prompt, answers, item.image.name if item.image else None)
    if isinstance(row, Unusable):
        tally.dropped[row.reason] += 1
    else:
        tally.rows[split].append(row)


def _report(tally: _Tally, spent: Spent, left: int) -> str:
    rows = [(f"kept in {split}", f"{len(part):,}") for split, part in tally.rows.items()]
    boxes = sum(not is_replayed(row) for part in tally.rows.values() for row in part)
    rows += [("of these, about boxes", f"{boxes:,}")] if boxes else []
    rows += [(reason, f"{count:,}") for reason, count in tally.dropped.most_common()]
    lines = [format_table(("prompts", "number"), rows), ""]
    lines.append(f"{spent.requests:,} requests, {spent.tokens:,} tokens in all starts")
    if tally.unfinished:
        lines.append(
            f"the budget is spent: {tally.unfinished:,} prompts are not answered yet: raise max_requests or "
            "max_tokens, and repeat the command"
        )
    if tally.unanswered:
        lines.append(f"{tally.unanswered:,} prompts wait for an answer: repeat the command to ask again")
    if left > 0:
        lines.append(f"{left:,} prompts are left out (limit, or their images)")
    return "\n".join(lines)
