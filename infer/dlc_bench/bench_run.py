"""The whole of `python -m infer.dlc_bench`: describe, judge, score, and write."""

import logging
from pathlib import Path

from grounding.files import write_json
from grounding.tables import format_table
from infer.dlc_bench.bench_descriptions import Described, describe_regions
from infer.dlc_bench.bench_files import read_bench
from infer.dlc_bench.bench_scores import KEYS, bench_scores, judge_region
from infer.dlc_bench.bench_settings import BenchSettings
from infer.dlc_bench.judge_prompts import judge_questions
from infer.dlc_bench.judge_server import ask_judge
from infer.runs.predict import EngineOpener
from infer.scoring.resampling.bootstrap import LEVEL

log = logging.getLogger(__name__)

ANSWERS_FILE, SCORES_FILE = "descriptions.json", "dlc_scores.json"
"""The descriptions by annotation id, as the published program reads them; and the scores."""


def run_bench(folder: Path, settings: BenchSettings, open_engine: EngineOpener) -> str:
    """Describe the regions, have them judged, write all into the output folder, and return the report.

    Interrupted runs resume in both stages.

    Raises:
        UserError: something is wrong with the benchmark's files, the checkpoint, a server, or the folder.
    """
    regions = read_bench(folder)[: settings.limit]
    count = sum(len(judge_questions(region)) for region in regions)
    log.info("%d regions to describe, then %d questions to the judge", len(regions), count)
    descriptions = describe_regions(Described(folder, settings), regions, open_engine)
    output = Path(settings.output_dir)
    by_key = {region.key: words for region, words in zip(regions, descriptions, strict=True)}
    write_json(output / ANSWERS_FILE, by_key)
    answers = ask_judge(settings, regions, descriptions)
    judged = [judge_region(region, given) for region, given in zip(regions, answers, strict=True)]
    scores = {**bench_scores(judged), "judge": settings.judge_model}
    rows = {
        one.region.key: {
            "positive": one.positive,
            "negative": one.negative,
            "recognised": one.is_recognised,
            "description": by_key[one.region.key],
        }
        for one in judged
    }
    write_json(output / SCORES_FILE, {**scores, "by_region": rows})
    table = [
        [key, f"{scores[key]:.3f}" if scores[key] is not None else "-", _shown(scores["intervals"].get(key))]
        for key in KEYS
    ]
    silent = sum(not words for words in descriptions)
    return (
        f"{format_table(('score', 'value', f'{LEVEL} % interval'), table)}\n\n"
        f"{len(regions)} regions, {silent} without a description; {count} answers of judge "
        f"{settings.judge_model}, {scores['unreadable']} of them name no choice: {output / SCORES_FILE}"
    )


def _shown(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
