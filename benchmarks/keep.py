"""`python benchmarks/keep.py [FOLDER]`: which way of tuning keeps what a model knew?

The tiny model is trained on drawn shapes (old) until it finds them, then tuned on other shapes (new), under
the same question. Each arm takes the same number of steps from the same model: all weights; LoRA; LoRA on
attention alone; replay, with a share of records whose answers the model gave itself before it was tuned
(`prepare.replay`); the penalties L2-SP and EWC (`train.fisher`); and weights between the first arm's and
the start's (`train.blend`).

Settings were chosen with seed 0; the other seeds were measured once. Tried in 150 steps, with AP50 of old
and new shapes (the start has 0.961 and 0, all weights reach 0 and 0.969): 10 % replayed 0.530 and 0.979,
20 % 0.871 and 0.973, 20 % at twice the rate 0.871 and 0.987; L2-SP of 0.1 0.421 and 0.934; EWC of 1000
0.272 and 0.715, of 100 0.137 and 0.947; 10 % replayed with L2-SP of 0.1 0.811 and 0.919, with EWC of 100
0.608 and 0.941, in a LoRA 0.624 and 0.952; 20 % with L2-SP of 0.03 0.877 and 0.947. Then 300 steps, as 20 %
replayed reached 0.944 and 0.987 in them. L2-SP, EWC and both LoRAs are not tuned further.

Both kinds of shapes are scored on 256 pictures that no model was trained on (`infer.suite`). "Kept" is the
AP50 of old shapes as a share of the start's, "reached" that of new shapes as a share of the first arm's, and
"KL" is KL(tuned || start) in nats a token on the first 64 questions about old pictures, as `grounding_keep`
measures it. A cell is the mean over the seeds with the lowest and the highest. Exit code 1 if no arm keeps
95 % of the old and reaches 98 % of the new, or if the first arm keeps 60 % or more. What is there already is
kept: repeat the command.
"""

import argparse
import hashlib
import json
import os
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.habits import World, prepare_world
from benchmarks.module_call import SECONDS_FILE, timed_call
from grounding.files import read_json, write_json, write_text
from grounding.tables import format_table

QUESTION = ("task.en1",)
OLD = World("old", {"images": 8000, "val_images": 256}, questions=QUESTION, negatives=0.0)
NEW = World(
    "new",
    {"images": 2000, "val_images": 256, "seed": 1, "classes": "[orange circle,purple diamond]"},
    questions=QUESTION,
    negatives=0.0,
)
MAX_PIXELS, MOST_TOKENS = 64 * 64, 96
LEARNING_STEPS, LEARNING_RATE = 900, 3e-3
"""The training on old shapes."""

STEPS, RATE, LORA_RATE = 300, 1e-3, 3e-3
"""The tuning on new shapes, of 8 records a step."""

REPLAYED = 240
"""Questions about old pictures that the start answers."""

L2 = 0.1
"""The strength of L2-SP."""

EWC, FISHER_FILE, FISHER_RECORDS = 1e2, "fisher.safetensors", 256
"""The strength of EWC; and the records about old pictures by which it tells what each weight matters."""

ALPHAS = (0.25, 0.5, 0.75, 0.85, 0.9)
"""The shares of tuned weights that are tried where they are blended with the start's."""


DIVERGENCE_FILE = "divergence.json"
"""In a model's folder: KL(tuned || start)."""

LEAST_KEPT, LEAST_REACHED, MOST_FORGETFUL = 0.95, 0.98, 0.60
START = "(start)"


@dataclass(frozen=True)
class Arm:
    """A way of tuning: its recipe, the keys that it adds, and the share of records that are replayed.

    `ewc` is the strength of the penalty that weighs changes by the start's Fisher information.
    """

    name: str
    recipe: str = "tiny_full"
    rate: float = RATE
    keys: Mapping[str, object] = field(default_factory=dict)
    replayed: float = 0.0
    ewc: float = 0.0


PLAIN = Arm("full")
REPLAY = Arm("full, 20 % replayed", replayed=0.2)
ARMS = (
    PLAIN,
    Arm("LoRA", "tiny_lora", LORA_RATE),
    Arm("LoRA on attention", "tiny_lora", LORA_RATE, {"grounding_lora_targets": "attention"}),
    Arm("full, 10 % replayed", replayed=0.1),
    REPLAY,
    Arm("full, L2-SP", keys={"grounding_l2_to_start": L2}),
    Arm("full, EWC", ewc=EWC),
)
BLENDED = (PLAIN, REPLAY)
"""Arms whose weights are blended with the start's."""


@dataclass(frozen=True)
class Measured:
    """What an arm has cost in seconds of a processor, and what its model scores.

    `old` and `new` are its AP50 on both kinds of shapes, `divergence` is KL(tuned || start).
    """

    seed: int
    arm: str
    seconds: float
    old: float
    new: float
    divergence: float


@dataclass(frozen=True)
class Seed:
    """Where a seed's data and models are: all seeds share the pictures."""

    number: int
    folder: Path
    steps: int

    @property
    def home(self) -> Path:
        """The folder of the seed's models."""
        return self.folder / f"seed_{self.number}"

    @property
    def start(self) -> Path:
        """The model that knows the old shapes."""
        return self.home / f"start_{LEARNING_STEPS}"

    @property
    def replay(self) -> Path:
        """The data set of questions about old pictures that the start has answered."""
        return self.home / "replay"

    @property
    def fisher(self) -> Path:
        """The folder of the start's Fisher information about the old pictures."""
        return self.home / "fisher"

    def model(self, arm: Arm) -> Path:
        """Return the folder of an arm's model: other settings have another folder."""
        settings = json.dumps([self.steps, {**asdict(arm), "name": ""}], sort_keys=True)
        mark = hashlib.sha256(settings.encode()).hexdigest()[:8]
        return self.home / f"{re.sub(r'[^a-zA-Z0-9]+', '_', arm.name)}_{mark}"


def main() -> int:
    """Train what is missing, measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "keep")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    names = [*(arm.name for arm in ARMS), *map(blended, BLENDED)]
    parser.add_argument(
        "--arms", nargs="+", choices=names, metavar="ARM",
        help=f"beside the first: {'; '.join(names[1:])} (all)".replace("%", "%%"),
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each arm ({STEPS})")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, a core each (2)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    folder = given.folder.resolve()
    for world in (OLD, NEW):
        prepare_world(world, folder)
    seeds = [Seed(number, folder, given.steps) for number in given.seeds]
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        starts = list(pool.map(begin, seeds))
        wanted = [arm for arm in ARMS if not given.arms or arm == PLAIN or arm.name in given.arms]
        tasks = [(seed, arm) for arm in wanted for seed in seeds]
        tuned = list(pool.map(tune, *zip(*tasks, strict=True)))
        wanted = [arm for arm in BLENDED if not given.arms or blended(arm) in given.arms]
        tasks = [(seed, arm) for arm in wanted for seed in seeds]
        measured = [*starts, *tuned, *pool.map(_blend_one, tasks)]
    print(table(measured))
    missed = missed_goals(measured)
    print("\n".join(missed or ["every goal is reached"]))
    return int(bool(missed))


def begin(seed: Seed) -> Measured:
    """Train the model that knows the old shapes, let it answer what is replayed, and measure it."""
    base = seed.home / "base"
    timed_call(base, "train.tiny", base, f"seed={seed.number}")
    old = seed.folder / OLD.name
    keys = {"max_steps": LEARNING_STEPS, "learning_rate": f"{LEARNING_RATE:.6f}"}
    seconds = train(seed.start, "tiny_full", base, seed.number, {old: 1.0}, old, keys)
    timed_call(
        seed.replay, "prepare.replay", seed.start, old, f"output_dir={seed.replay}", f"limit={REPLAYED}",
        "val_share=0", f"max_new_tokens={MOST_TOKENS}", f"seed={seed.number}",
        "serve.device=cpu")  # fmt: skip
    return Measured(seed.number, START, seconds, *scores(seed, seed.start))


def tune(seed: Seed, arm: Arm) -> Measured:
    """Tune a seed's model in one way, and measure it; the seconds are with those of what it needs first."""
    model, new = seed.model(arm), seed.folder / NEW.name
    data = {new: 1.0 - arm.replayed} | ({seed.replay: arm.replayed} if arm.replayed else {})
    keys = {"max_steps": seed.steps, "learning_rate": f"{arm.rate:.6f}", **arm.keys}
    before = read_seconds(seed.replay) if arm.replayed else 0.0
    if arm.ewc:
        before += measure_fisher(seed)
        keys["grounding_ewc"] = f"{{fisher: {seed.fisher / FISHER_FILE}, weight: {arm.ewc:g}}}"
    seconds = train(model, arm.recipe, seed.start, seed.number, data, new, keys)
    return Measured(seed.number, arm.name, before + seconds, *scores(seed, model))


def measure_fisher(seed: Seed) -> float:
    """Measure what each weight of the start matters for the old shapes, and return the seconds."""
    return timed_call(
        seed.fisher, "train.fisher", seed.start, seed.folder / OLD.name,
        f"output={seed.fisher / FISHER_FILE}", f"limit={FISHER_RECORDS}", f"max_pixels={MAX_PIXELS}",
        f"seed={seed.number + 1}")  # fmt: skip


def blended(arm: Arm) -> str:
    """Return the name of an arm's best blend with the start."""
    return f"{arm.name}, blended"


def _blend_one(task: tuple[Seed, Arm]) -> Measured:
    return blend(*task)


def blend(seed: Seed, arm: Arm) -> Measured:
    """Blend an arm's weights with the start's, and return the best point by the rule of `train.blend`."""
    model, tuned = seed.model(arm), tune(seed, arm)
    folder = model.with_name(f"{model.name}_blended_{len(ALPHAS)}")
    seconds = timed_call(
        folder, "train.blend", seed.start, model, f"new={seed.folder / NEW.name}",
        f"old={seed.folder / OLD.name}", "alphas=" + ",".join(map(str, (0.0, *ALPHAS, 1.0))),
        f"least_old={LEAST_KEPT}", f"output_dir={folder}", "infer.device=cpu", "infer.batch_size=64",
        f"infer.max_new_tokens={MOST_TOKENS}")  # fmt: skip
    points = json.loads((folder / "blend.json").read_text(encoding="utf-8"))
    best = next(point for point in points["points"] if point["share"] == points["best"])
    weights = folder / f"alpha_{best['share']:g}"
    measured = best["mean_old"], best["mean_new"], divergence(seed, weights)
    return Measured(seed.number, blended(arm), seconds + tuned.seconds, *measured)


def read_seconds(folder: Path) -> float:
    """Return the seconds of a processor that it took to fill a folder."""
    return float(json.loads((folder / SECONDS_FILE).read_text(encoding="utf-8")))


def train(
    model: Path, recipe: str, start: Path, seed: int, data: Mapping[Path, float], validation: Path,
    keys: Mapping[str, object],
) -> float:  # fmt: skip
    """Train on data sets by their shares, and return the seconds of a processor."""
    return timed_call(
        model, "train", f"recipes/train/{recipe}.yaml", f"model_name_or_path={start}",
        "train_dataset_path=" + ",".join(f"{folder / 'train.jsonl'}" for folder in data),
        "train_dataset_prob=" + ",".join(f"{share:g}" for share in data.values()),
        "train_dataset_type=" + ",".join("messages" for _ in data), "mix_strategy=interleave_over",
        f"eval_dataset_path={validation / 'val.jsonl'}", f"output_dir={model}",
        f"logging_dir={model / 'visualdl'}", f"seed={seed + 1}", f"max_pixels={MAX_PIXELS}",
        "grounding_eval_samples=0", "evaluation_strategy=no", "do_eval=false", "save_steps=100000",
        "logging_steps=10", *(f"{key}={value}" for key, value in keys.items()))  # fmt: skip


def scores(seed: Seed, model: Path) -> tuple[float, float, float]:
    """Return the AP50 of a model on old and on new shapes, by a suite of both, and its divergence."""
    suite = seed.folder / "both.yaml"
    sets = {world.name: {"dataset": str(seed.folder / world.name)} for world in (OLD, NEW)}
    answers = {"batch_size": 64, "max_new_tokens": MOST_TOKENS, "device": "cpu"}
    wanted = json.dumps({"sets": sets, "metrics": ["AP50"], "draws": 0, "answers": answers})
    if not suite.is_file() or suite.read_text(encoding="utf-8") != wanted:
        write_text(suite, wanted)
    answered = model / "suites" / suite.stem
    timed_call(answered, "infer.suite", suite, f"checkpoint={model}")
    rows = json.loads((answered / "suite.json").read_text(encoding="utf-8"))["rows"]
    found = {row["name"]: float(row["values"]["AP50"]) for row in rows}
    return found[OLD.name], found[NEW.name], divergence(seed, model)


def divergence(seed: Seed, model: Path) -> float:
    """Return KL(tuned || start) of a finished model; what was measured is kept."""
    file = model / DIVERGENCE_FILE
    if not file.is_file():
        from benchmarks.divergence import divergences

        write_json(file, divergences(seed.start, [model], seed.folder / OLD.name)[0])
    return float(read_json(file))


def kept(rows: Sequence[Measured], arm: str) -> list[float]:
    """Return the AP50 of old shapes as a share of the start's, for each seed."""
    start = {row.seed: row.old for row in rows if row.arm == START}
    return [row.old / start[row.seed] for row in rows if row.arm == arm]


def reached(rows: Sequence[Measured], arm: str) -> list[float]:
    """Return the AP50 of new shapes as a share of what all weights reach, for each seed."""
    plain = {row.seed: row.new for row in rows if row.arm == PLAIN.name}
    return [row.new / plain[row.seed] for row in rows if row.arm == arm]


def table(rows: Sequence[Measured]) -> str:
    """Return the means over the seeds in percent, with the lowest and the highest."""
    lines = []
    for arm in dict.fromkeys(row.arm for row in rows):
        own = [row for row in rows if row.arm == arm]
        columns = ([row.old for row in own], [row.new for row in own], kept(rows, arm), reached(rows, arm))
        far = nats([row.divergence for row in own])
        lines.append([arm, f"{statistics.mean(row.seconds for row in own):.0f}", *map(shown, columns), far])
    seeds = len({row.seed for row in rows})
    header = [f"{seeds} seeds, percent", "processor s", "old AP50", "new AP50", "kept", "reached", "KL"]
    return format_table(header, lines)


def shown(values: Sequence[float]) -> str:
    """Return the mean in percent, and the range in brackets if there are several values."""
    mean, low, high = (100 * value for value in (statistics.mean(values), min(values), max(values)))
    return f"{mean:.1f} ({low:.1f}..{high:.1f})" if len(values) > 1 else f"{mean:.1f}"


def nats(values: Sequence[float]) -> str:
    """Return the mean of divergences, and the range in brackets if there are several."""
    mean, low, high = statistics.mean(values), min(values), max(values)
    return f"{mean:.2f} ({low:.2f}..{high:.2f})" if len(values) > 1 else f"{mean:.2f}"


def missed_goals(rows: Sequence[Measured]) -> list[str]:
    """Return a line for each goal that the means over the seeds miss."""
    arms = [arm for arm in dict.fromkeys(row.arm for row in rows) if arm != START]
    good = [
        arm
        for arm in arms
        if statistics.mean(kept(rows, arm)) >= LEAST_KEPT
        and statistics.mean(reached(rows, arm)) >= LEAST_REACHED
    ]
    missed = []
    if statistics.mean(kept(rows, PLAIN.name)) >= MOST_FORGETFUL:
        missed.append(f"not reached: {PLAIN.name} keeps less than {100 * MOST_FORGETFUL:.0f} %")
    if not good:
        missed.append(
            f"not reached: an arm keeps {100 * LEAST_KEPT:.0f} % of the old and reaches "
            f"{100 * LEAST_REACHED:.0f} % of the new"
        )
    return missed


if __name__ == "__main__":
    sys.exit(main())
