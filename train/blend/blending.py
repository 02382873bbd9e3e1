"""The whole command: each point is written and scored, then the table, the front and the best of them."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from grounding.errors import UserError
from grounding.files import read_json, replacing, write_json, write_text
from grounding.tables import format_table, markdown_table
from train.blend.best_point import BlendChoice, PointScores, choose_point, share_of
from train.blend.blend_settings import KEPT_BEST, BlendSettings
from train.blend.blended_point import check_disk, point_name, write_point
from train.blend.front_plot import draw_front
from train.blend.model_pair import ModelPair, open_pair
from train.blend.point_measuring import check_datasets, measure_point

log = logging.getLogger(__name__)

PLAN_FILE, SCORES_FILE = "plan.json", "point.json"
"""What is blended and scored how, so that no other blend is mixed in; and the scores of a point."""

TABLE_FILE, REPORT_FILE, FRONT_FILE = "blend.json", "blend.md", "front.png"
ANSWERS_FOLDER, LOCK_FILE = "scores", ".blending.lock"


def blend(base: str, tuned: Path, settings: BlendSettings) -> str:
    """Write and score the points, name the best of them, and return the report.

    Interrupted runs resume: a point that is scored is not scored again. With keep=best, only the weights of
    the best point so far are on the disk beside those of the point that is scored.

    Raises:
        UserError: the models or data sets cannot be used, the folder holds another blend, or a point cannot
            be scored.
    """
    check_datasets(settings)
    pair = open_pair(base, tuned)
    folder = Path(settings.output_dir).expanduser() if settings.output_dir else tuned / "blend"
    todo = [share for share in settings.shares if not _scores_file(folder, share).is_file()]
    if todo:
        at_a_time = 2 if settings.keep == KEPT_BEST else len(todo)
        log.info("%s", check_disk(folder, pair, min(at_a_time, len(todo))))
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UserError(
            f"output_dir: another run is blending into {folder}: wait, or choose another"
        ) from error
    try:
        _check_plan(folder, pair, settings)
        points = _measure_all(folder, pair, settings)
        choice = choose_point(points, settings)
        _keep_wanted(folder, pair, settings, choice.best.share)
        return _write_results(folder, points, choice, settings)
    finally:
        lock.release()
        (folder / LOCK_FILE).unlink(missing_ok=True)


def _measure_all(folder: Path, pair: ModelPair, settings: BlendSettings) -> list[PointScores]:
    points: list[PointScores] = []
    for number, share in enumerate(settings.shares, start=1):
        name, file = point_name(share), _scores_file(folder, share)
        if not file.is_file():
            log.info("%s: %d of %d", name, number, len(settings.shares))
            write_point(pair, share, folder / name)
            found = measure_point(share, folder / name, file.parent, settings)
            write_json(file, asdict(found))
        points.append(_read_scores(file))
        if settings.keep == KEPT_BEST and points[0].share == 0:
            best = choose_point(points, settings).best.share
            for other in settings.shares[:number]:
                if other != best:
                    shutil.rmtree(folder / point_name(other), ignore_errors=True)
    return points


def _scores_file(folder: Path, share: float) -> Path:
    return folder / ANSWERS_FOLDER / point_name(share) / SCORES_FILE


def _read_scores(file: Path) -> PointScores:
    try:
        return PointScores(**read_json(file))
    except TypeError as error:
        raise UserError(f"{file}: not the scores of a point: remove it, and repeat the command") from error


def _check_plan(folder: Path, pair: ModelPair, settings: BlendSettings) -> None:
    """Check that what the folder holds was blended and scored alike; alphas may be added.

    Raises:
        UserError: it holds another blend.
    """
    plan: dict[str, Any] = {
        "models": pair.fingerprint,
        "new": [str(path.resolve()) for path in settings.datasets("new")],
        "old": [str(path.resolve()) for path in settings.datasets("old")],
        "metric": settings.metric,
        "infer": settings.infer,
    }
    path = folder / PLAN_FILE
    before = read_json(path) if path.is_file() else plan
    changed = [key for key in plan if not isinstance(before, dict) or before.get(key) != plan[key]]
    if changed:
        raise UserError(
            f"output_dir: {folder} holds another blend (other {', '.join(changed)}): choose another one"
        )
    write_json(path, plan)


def _keep_wanted(folder: Path, pair: ModelPair, settings: BlendSettings, best: float) -> None:
    """Leave the weights on the disk that `keep` names; what an earlier start removed is written again."""
    for share in settings.shares:
        if settings.keep != KEPT_BEST or share == best:
            write_point(pair, share, folder / point_name(share))
    if settings.keep == KEPT_BEST:
        for path in folder.glob("alpha_*"):
            if path.name != point_name(best):
                shutil.rmtree(path, ignore_errors=True)


def _write_results(
    folder: Path, points: Sequence[PointScores], choice: BlendChoice, settings: BlendSettings
) -> str:
    base, best = points[0], choice.best
    top = max(point.mean_new for point in points)
    header = [
        "alpha",
        f"new {settings.metric}",
        "of the highest",
        f"old {settings.metric}",
        "kept of BASE",
        "",
    ]
    rows = [
        [
            f"{point.share:g}",
            f"{point.mean_new:.4f}",
            share_of(point.mean_new, top),
            f"{point.mean_old:.4f}",
            share_of(point.mean_old, base.mean_old),
            "best" if point == best else "",
        ]
        for point in points
    ]
    weights = folder / point_name(best.share)
    rule = f"best: alpha {best.share:g}: {choice.rule}"
    write_json(
        folder / TABLE_FILE,
        {
            "metric": settings.metric,
            "rule": choice.rule,
            "best": best.share,
            "points": [
                asdict(point) | {"mean_new": point.mean_new, "mean_old": point.mean_old} for point in points
            ],
        },
    )
    write_text(
        folder / REPORT_FILE, f"# Blend\n\n{markdown_table(header, rows)}\n{rule}\n\n![front]({FRONT_FILE})\n"
    )
    with replacing(folder / FRONT_FILE) as file:
        file.write(draw_front(points, best, settings.least_old * base.mean_old, settings.metric))
    return f"{format_table(header, rows)}\n\n{rule}\n{weights}\n{folder / REPORT_FILE}"
