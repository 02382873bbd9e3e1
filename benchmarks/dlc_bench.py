"""`python benchmarks/dlc_bench.py EVAL_JSON`: the scores of DLC-Bench beside those of its published program.

EVAL_JSON is what the program writes: evaluation/model_outputs_cache/dam_3b_v1_eval.json of the repository
NVlabs/describe-anything has its questions, the judge's answers, the choices that it read in them, and the
averages. Counts the prompts that are the program's, word for word, and the answers in which this project
reads the same choice, and prints both averages. The question about the kind of object is built here from its
name.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from grounding.boxes import Box
from grounding.tables import format_table
from infer.dlc_bench.bench_files import BenchRegion, JudgedQuestion
from infer.dlc_bench.bench_scores import bench_scores, judge_region
from infer.dlc_bench.judge_prompts import chosen_place, judge_prompt, judge_questions

_NAMED = re.compile(r"in the description (?:is an? |are )(.*) or (?:an object|objects) of a similar type")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("eval_json", type=Path, help="what the published program has written")
    content = json.loads(parser.parse_args().eval_json.read_text(encoding="utf-8"))
    known = [(region_of(key, row), row) for key, row in content.items() if isinstance(row, dict)]
    counts = {"prompts about kinds": [0, 0], "prompts": [0, 0], "choices": [0, 0]}
    for region, row in known:
        answers = [row["details_recognition"][0], *questions_of(row)]
        for number, (question, answer) in enumerate(zip(judge_questions(region), answers, strict=True)):
            is_same = judge_prompt(row["pred"], question) == row["prompt"][number]
            add(counts["prompts" if number else "prompts about kinds"], is_same=is_same)
            read = chosen_place(row["response"][number], question.choices)
            add(counts["choices"], is_same=read == answer["pred_index"])
    rows = [[name, str(same), str(of)] for name, (same, of) in counts.items()]
    sys.stdout.write(format_table(("what", "same", "of"), rows) + "\n\n")
    scores = bench_scores([judge_region(region, row["response"]) for region, row in known])
    program = {"dlc_positive": content["avg_pos"], "dlc_negative": content["avg_neg"]}
    program["dlc_average"] = sum(program.values()) / 2
    rows = [
        [key, f"{value:.6f}", f"{scores[key]:.6f}", "{:.3f} to {:.3f}".format(*scores["intervals"][key])]
        for key, value in program.items()
    ]
    sys.stdout.write(format_table(("score", "program", "project", "95 % interval"), rows) + "\n")


def add(count: list[int], *, is_same: bool) -> None:
    """Count one more, and whether it is the same."""
    count[0] += is_same
    count[1] += 1


def questions_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the questions of a region in the order in which they were asked."""
    return sorted(row["details_positives"] + row["details_negatives"], key=lambda one: one["question_index"])


def region_of(key: str, row: dict[str, Any]) -> BenchRegion:
    """Return a region with its questions; its name is read out of the question about it."""
    named = _NAMED.search(row["details_recognition"][0]["question"])
    assert named is not None, row["details_recognition"]
    questions = tuple(
        JudgedQuestion(
            one["question"],
            tuple(choice for choice, _ in one["choices"]),
            tuple(float(points) for _, points in one["choices"]),
            one["type"],
        )
        for one in questions_of(row)
    )
    return BenchRegion(key, Path(key), Box(0, 0, 1, 1), named[1], questions)


if __name__ == "__main__":
    main()
