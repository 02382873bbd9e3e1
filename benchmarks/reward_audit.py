"""`python benchmarks/reward_audit.py [--scenes 1000]`: can a reward be raised by worse answers?

Thirteen attacks change honest answers about drawn scenes. An attack wins if the mean reward falls by less
than 2 % while the mean F1 falls by more than 0.02. F1 is averaged over the IoU thresholds 0.5 to 0.95. Our
reward (grounding/reward.py) stands beside others that were published; these are written anew from their
descriptions and may differ in details: VLM-R1 (arXiv 2504.07615), Vision-R1 (2503.18013) and Rex-Omni
(2510.12798).

The second table tells how well a reward orders the eight answers of a group, for policies of different
strength: Spearman's rank correlation with F1, and the share of dead groups, in which all rewards are equal.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from grounding.boxes import GRID, Box, iou, iou_matrix
from grounding.matching import AT_50, IOU_THRESHOLDS, match_detections
from grounding.reward import boxes_reward, soft_f1
from grounding.samples import Detection
from grounding.tables import format_table

LABELS = ("cup", "plate")
ABSENT = "spoon"
GROUP = 8
REWARD_FALL, F1_FALL = 0.02, 0.02
DEAD = 1e-9

Boxes = tuple[Detection, ...]
Draw = np.random.Generator
Reward = Callable[[Boxes, Boxes], float]


@dataclass(frozen=True)
class Policy:
    """How an answer differs from the truth: shares missed and invented, edge noise in shares of a side."""

    missed: float
    invented: float
    noise: float


HONEST = Policy(0.2, 0.1, 0.06)
POLICIES = {
    "strong": Policy(0.05, 0.03, 0.02),
    "normal": HONEST,
    "weak": Policy(0.5, 0.4, 0.15),
    "hopeless": Policy(0.5, 0.6, 0.6),
}


def main() -> None:
    """Print both tables; the exit code is 1 if an attack wins against our reward."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    won = attacks_won(REWARDS, options.scenes, options.seed)
    for name, wins in won.items():
        print(f"{name}: {len(wins)} of {len(ATTACKS)} attacks win{': ' if wins else ''}{'; '.join(wins)}")
    print()
    order = group_order(REWARDS, options.scenes // GROUP, options.seed)
    header = ["reward", *(f"{name}: correlation, dead" for name in POLICIES)]
    lines = [[name, *map(str, of_policy.values())] for name, of_policy in order.items()]
    print(format_table(header, lines))
    sys.exit(1 if won["ours"] else 0)


def attacks_won(rewards: dict[str, Reward], scenes: int, seed: int) -> dict[str, list[str]]:
    """Return the names of the attacks that win against each reward."""
    draw = np.random.default_rng(seed)
    drawn = [draw_scene(draw) for _ in range(scenes)]
    answers = [answer(wanted, HONEST, draw) for wanted in drawn]
    attacked = {
        name: [attack(found, wanted, draw) for found, wanted in zip(answers, drawn, strict=True)]
        for name, attack in ATTACKS.items()
    }

    def mean(reward: Reward, given: Sequence[Boxes]) -> float:
        return float(np.mean([reward(found, wanted) for found, wanted in zip(given, drawn, strict=True)]))

    honest_f1 = mean(mean_f1, answers)
    harmful = [name for name, given in attacked.items() if honest_f1 - mean(mean_f1, given) > F1_FALL]
    return {
        name: [
            attack
            for attack in harmful
            if mean(reward, attacked[attack]) > (1 - REWARD_FALL) * mean(reward, answers)
        ]
        for name, reward in rewards.items()
    }


@dataclass(frozen=True)
class Order:
    """How well a reward orders the answers of groups: means over the groups with more than one F1."""

    correlation: float
    dead: float

    def __str__(self) -> str:
        return f"{self.correlation:.2f}, {self.dead:.1%}"


def group_order(rewards: dict[str, Reward], groups: int, seed: int) -> dict[str, dict[str, Order]]:
    """Return how well each reward orders the answers of each policy."""
    table: dict[str, dict[str, Order]] = {name: {} for name in rewards}
    for policy_name, policy in POLICIES.items():
        draw = np.random.default_rng(seed)
        drawn = [draw_scene(draw) for _ in range(groups)]
        answered = [[answer(wanted, policy, draw) for _ in range(GROUP)] for wanted in drawn]

        scores = judge(mean_f1, answered, drawn)
        for name, reward in rewards.items():
            table[name][policy_name] = order_of(judge(reward, answered, drawn), scores)
    return table


def judge(reward: Reward, answered: list[list[Boxes]], drawn: list[Boxes]) -> list[list[float]]:
    """Return the reward of each answer of each group."""
    return [[reward(found, wanted) for found in group] for group, wanted in zip(answered, drawn, strict=True)]


def order_of(given: list[list[float]], scores: list[list[float]]) -> Order:
    """Compare the rewards of groups with their F1; a dead group has no order."""
    from scipy.stats import spearmanr

    dead = [float(np.ptp(values)) < DEAD for values in given]
    measured = [
        0.0 if is_dead else float(spearmanr(values, score).statistic)
        for values, score, is_dead in zip(given, scores, dead, strict=True)
        if np.ptp(score) > DEAD
    ]
    return Order(float(np.mean(measured)), float(np.mean(dead)))


def draw_scene(draw: Draw) -> Boxes:
    """Draw one to eight boxes of both labels on the grid."""
    return tuple(_random_box(draw, str(draw.choice(LABELS))) for _ in range(draw.integers(1, 9)))


def _random_box(draw: Draw, label: str) -> Detection:
    width, height = draw.uniform(60, 350, 2)
    x, y = draw.uniform(0, GRID - width), draw.uniform(0, GRID - height)
    return Detection(label, Box(x, y, x + width, y + height))


def answer(wanted: Boxes, policy: Policy, draw: Draw) -> Boxes:
    """Answer a scene as a policy does."""
    found = [_shaken(item, policy.noise, draw) for item in wanted if draw.random() >= policy.missed]
    invented = sum(draw.random() < policy.invented for _ in wanted)
    return (*found, *(_random_box(draw, str(draw.choice(LABELS))) for _ in range(invented)))


def _shaken(item: Detection, noise: float, draw: Draw) -> Detection:
    box = item.box
    width, height = box.x2 - box.x1, box.y2 - box.y1
    moves = draw.normal(0, noise, 4) * (width, height, width, height)
    x1, y1, x2, y2 = np.clip(np.add(box.xyxy, moves), 0, GRID)
    return replace(item, box=Box(min(x1, x2 - 1), min(y1, y2 - 1), x2, y2))


def _moved(found: Boxes, step: float) -> Boxes:
    return tuple(replace(item, box=item.box.moved(step, step)) for item in found)


def _grid(labels: Sequence[str]) -> Boxes:
    side = GRID / 5
    return tuple(
        Detection(label, Box(column * side, row * side, (column + 1) * side, (row + 1) * side))
        for label in labels
        for row in range(5)
        for column in range(5)
    )


def _random_boxes(draw: Draw, count: int) -> Boxes:
    return tuple(_random_box(draw, str(draw.choice(LABELS))) for _ in range(count))


def _grown(found: Boxes, share: float) -> Boxes:
    grown = []
    for item in found:
        box = item.box
        x, y = (box.x2 - box.x1) * share / 2, (box.y2 - box.y1) * share / 2
        grown.append(replace(item, box=Box(box.x1 - x, box.y1 - y, box.x2 + x, box.y2 + y)))
    return tuple(grown)


def _best(found: Boxes, wanted: Boxes) -> Boxes:
    def closeness(item: Detection) -> float:
        return max((iou(item.box, each.box) for each in wanted if each.label == item.label), default=0.0)

    return (max(found, key=closeness),) if found else ()


def _other(label: str) -> str:
    return LABELS[1 - LABELS.index(label)]


WHOLE = Box(0, 0, GRID, GRID)
ATTACKS: dict[str, Callable[[Boxes, Boxes, Draw], Boxes]] = {
    "every box three times": lambda found, wanted, draw: found * 3,
    "every box again, shifted by 3": lambda found, wanted, draw: found + _moved(found, 3),
    "20 random boxes after": lambda found, wanted, draw: found + _random_boxes(draw, 20),
    "20 random boxes before": lambda found, wanted, draw: _random_boxes(draw, 20) + found,
    "10 boxes of an absent label": lambda found, wanted, draw: (
        found + tuple(replace(item, label=ABSENT) for item in _random_boxes(draw, 10))
    ),
    "a grid of boxes after": lambda found, wanted, draw: found + _grid(LABELS),
    "labels swapped": lambda found, wanted, draw: tuple(
        replace(item, label=_other(item.label)) for item in found
    ),
    "one huge box": lambda found, wanted, draw: tuple(
        Detection(label, WHOLE) for label in dict.fromkeys(item.label for item in wanted)
    ),
    "the best box only": lambda found, wanted, draw: _best(found, wanted),
    "nothing": lambda found, wanted, draw: (),
    "boxes grown by 15 %": lambda found, wanted, draw: _grown(found, 0.15),
    "two labels a box": lambda found, wanted, draw: tuple(
        replace(item, label=label) for item in found for label in LABELS
    ),
    "the picture's border added": lambda found, wanted, draw: (
        found + tuple(Detection(label, WHOLE) for label in LABELS)
    ),
}


def mean_f1(found: Boxes, wanted: Boxes) -> float:
    """Return F1 averaged over IoU 0.5 to 0.95: the half of our reward that is not the soft F1."""
    return 2 * boxes_reward(found, wanted) - soft_f1(found, wanted)


def average_precision(found: Boxes, wanted: Boxes) -> float:
    """VLM-R1's first reward: mAP of one picture; all scores are equal, so that the answer's order counts."""
    values = [
        _precision_area(_hits(found, wanted, label, float(threshold)), label, wanted)
        for label in {item.label for item in wanted}
        for threshold in IOU_THRESHOLDS
    ]
    return float(np.mean(values)) if values else float(not found)


def _hits(found: Boxes, wanted: Boxes, label: str, threshold: float) -> list[bool]:
    free = [item.box for item in wanted if item.label == label]
    hits = []
    for item in found:
        if item.label == label:
            best = max(free, key=lambda box: iou(box, item.box), default=None)
            is_hit = best is not None and iou(best, item.box) >= threshold
            hits.append(is_hit)
            if best is not None and is_hit:
                free.remove(best)
    return hits


def _precision_area(hits: list[bool], label: str, wanted: Boxes) -> float:
    right = np.cumsum(hits)
    precision = np.maximum.accumulate((right / np.arange(1, len(hits) + 1))[::-1])[::-1]
    recall = right / sum(item.label == label for item in wanted)
    places = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.mean([precision[place] if place < len(hits) else 0.0 for place in places]))


def average_precision_and_length(found: Boxes, wanted: Boxes) -> float:
    """VLM-R1's odLength: mAP, lowered where there are more boxes than objects."""
    return average_precision(found, wanted) * min(1.0, len(wanted) / max(1, len(found)))


def weighted_sum(found: Boxes, wanted: Boxes) -> float:
    """VLM-R1's weighted reward: 0.7 mean IoU of one-to-one pairs, 0.3 completeness."""
    right, wrong, missed = match_detections(found, wanted).count(AT_50)
    overlap = sum(match_detections(found, wanted).ious) / max(1, len(wanted))
    complete = 1 - (missed / max(1, len(wanted)) + wrong / max(1, len(found))) / 2
    return 0.7 * overlap + 0.3 * complete if right or found or wanted else 1.0


def best_overlap(found: Sequence[Detection], wanted: Sequence[Detection]) -> float:
    """Rex-Omni's released code: the mean over the boxes of their best IoU, not one to one."""
    best = [
        max((iou(item.box, each.box) for each in wanted if each.label == item.label), default=0.0)
        for item in found
    ]
    return float(np.mean(best)) if best else float(not wanted)


def recall_and_precision(low: float, high: float) -> Reward:
    """Vision-R1: recall and mean IoU of the pairs, each 0 below `low` and 1 from `high` on; no labels."""

    def step(value: float) -> float:
        return 1.0 if value >= high else 0.0 if value < low else value

    def reward(found: Boxes, wanted: Boxes) -> float:
        from scipy.optimize import linear_sum_assignment

        if not found or not wanted:
            return float(not found and not wanted) * 2
        ious = iou_matrix([item.box for item in found], [item.box for item in wanted])
        pairs = ious[linear_sum_assignment(ious, maximize=True)]
        valid = pairs[pairs >= 0.5]
        return step(len(valid) / len(wanted)) + step(float(valid.sum()) / len(found))

    return reward


REWARDS: dict[str, Reward] = {
    "ours": boxes_reward,
    "soft F1 alone": soft_f1,
    "F1 over 0.5 to 0.95 alone": mean_f1,
    "VLM-R1 mAP": average_precision,
    "VLM-R1 odLength": average_precision_and_length,
    "VLM-R1 weighted": weighted_sum,
    "Rex-Omni, released": best_overlap,
    "Vision-R1, early": recall_and_precision(0.5, 0.75),
    "Vision-R1, late": recall_and_precision(0.75, 0.9),
}


if __name__ == "__main__":
    main()
