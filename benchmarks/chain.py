"""`python benchmarks/chain.py [FOLDER]`: does the chain of the 8B model run from photographs to its report?

Runs recipes/chains/qwen3_vl_8b_coco.yaml as it stands, in a folder of its own: a random tiny model takes the
place of the 8B, twelve drawn pictures under COCO's names that of the photographs, and
recipes/train/overlays/cpu.yaml that of the keys for GPUs. Three training steps a stage teach nothing: the
scores say only that every step has read what the one before it wrote.

Prints the chain's own table: steps, times, places, scores. Exit code 1 if a step fails, or if its report has
not judged each validation picture. Repeat the command to resume.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.module_call import call
from chain.chain_file import ChainFile, read_chain
from grounding.files import read_json
from infer.report.report_files import SUMMARY_FILE

CHAIN = Path("recipes/chains/qwen3_vl_8b_coco.yaml")
OVERLAY = ROOT / "recipes" / "train" / "overlays" / "cpu.yaml"
IMAGES, VAL_IMAGES = 12, 4
SHORT = (
    "data.source.hub=local",
    "data.source.path=drawn",
    "val2017.source.path=coco_json",
    "val2017.source.val_files=annotations/instances_val.json",
    *(f"{stage}.gradient_accumulation_steps=1" for stage in ("align", "tune")),
    *("eval.device=cpu", "eval.processes=1", "eval.max_new_tokens=32"),
    *("coco.device=cpu", "coco.limit=2", "coco.max_new_tokens=8"),
)
"""What replaces the photographs, and makes the answers short."""


def main() -> int:
    """Draw what is missing, run the chain, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "chain")
    folder: Path = parser.parse_args().folder.resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["PYTHONPATH"] = str(ROOT)
    place_inputs(folder)
    os.chdir(folder)  # the paths of a chain are relative to where it runs
    words = [str(CHAIN), *tiny_words(read_chain(CHAIN))]
    if subprocess.run([sys.executable, "-m", "chain", *words]).returncode:
        return 1
    report = Path(str(read_chain(CHAIN).steps["report"].keys.output))
    judged = read_json(report / SUMMARY_FILE)["pictures"]
    print(f"\nreport: {judged} of {VAL_IMAGES} validation pictures judged")
    return int(judged != VAL_IMAGES)


def place_inputs(folder: Path) -> None:
    """Put the recipes, the drawn pictures and the tiny model where the chain looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "recipes").exists():
        (folder / "recipes").symlink_to(ROOT / "recipes")
    base = folder / yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))["model_name_or_path"]
    if not (base / "config.json").is_file():
        call("train.tiny", base)
    if (folder / "coco_json").is_dir():
        return
    call("prepare.shapes", folder / "drawn", f"images={IMAGES}", f"val_images={VAL_IMAGES}")
    call("prepare", "recipes/prepare/coco.yaml", "source.hub=local", f"source.path={folder / 'drawn'}",
         f"output_dir={folder / 'once'}")  # fmt: skip
    call("prepare.export", folder / "once", "format=coco_json", f"output_dir={folder / 'coco_json'}")


def tiny_words(chain: ChainFile) -> Iterator[str]:
    """Yield the overrides under which a CPU runs the chain in a minute.

    A stage takes the overlay's keys, but for those that the chain itself gives it: its data, and the model of
    the stage before it.
    """
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    for stage in ("align", "tune"):
        kept = {"output_dir", *chain.steps[stage].keys.overrides}
        yield from (f"{stage}.{key}={json.dumps(value)}" for key, value in overlay.items() if key not in kept)
    yield from SHORT


if __name__ == "__main__":
    sys.exit(main())
