"""Faults planted into a copy of the tiny model, and how soon `python -m infer.parity` names them.

python benchmarks/parity_faults.py [server] [transformers] ["NAME OF A FAULT" ...]

Each fault is given to our own server, or to transformers in .venv-torch; those of probabilities are given to
the server alone, which lists its tokens with them. The table has the stage that is named, and the seconds of
the whole command with its 64 questions.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[1]
SIDES = ("server", "transformers")
PORT = 8231


def main() -> int:
    """Plant each fault, and print what is named."""
    if "--help" in sys.argv[1:]:
        print(__doc__)
        return 0
    faults = {"none": lambda folder: None, **FAULTS}
    sides = [side for side in SIDES if side in sys.argv[1:]] or SIDES
    known = [*faults, *LISTED]
    chosen = [fault for fault in known if fault in sys.argv[1:]] or known
    print(f"{'engine':14}{'fault':20}{'seconds':>8}  the first stage that differs", flush=True)
    with tempfile.TemporaryDirectory() as name:
        sound = Path(name) / "sound"
        run("train.tiny", str(sound), "seed=1")
        for side in sides:
            for fault in chosen:
                if side == "transformers" and fault in LISTED:
                    continue
                folder = Path(name) / "faulty"
                shutil.copytree(sound, folder)
                faults.get(fault, lambda folder: None)(folder)
                seconds, said = named(side, sound, folder, fault)
                print(f"{side:14}{fault:20}{seconds:8.1f}  {said}", flush=True)
                shutil.rmtree(folder)
    return 0


def named(side: str, sound: Path, faulty: Path, fault: str) -> tuple[float, str]:
    """Return the seconds of the command, and the stage that it names."""
    if side == "transformers":
        dtype = "torch_dtype=float16" if fault == "float16" else "torch_dtype=auto"
        return timed(str(sound), f"torch_checkpoint={faulty}", dtype, "device=cpu")
    with serving(faulty, LISTED.get(fault, "")):
        words = (f"base_url=http://127.0.0.1:{PORT}/v1", "model=m", "torch_python=null", "device=cpu")
        return timed(str(sound), *words)


def timed(*words: str) -> tuple[float, str]:
    """Run the command, and return its seconds and the stage."""
    start = time.perf_counter()
    shown = run("infer.parity", *words, codes=(0, 1))
    said = shown.partition("differs is ")[2].partition(":")[0] or shown.partition("prompts: ")[2].strip()
    return time.perf_counter() - start, said


def run(module: str, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run a module, and return what it prints."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in codes:
        raise SystemExit(done.stderr)
    return done.stdout


@contextmanager
def serving(folder: Path, change: str) -> Iterator[None]:
    """Serve a checkpoint on loopback, with a change to how it lists the tokens of an answer."""
    words = [str(folder), f"port={PORT}", "model=m", "device=cpu"]
    command = [sys.executable, "-c", f"{SERVER}\n{change}\nmain()", *words]
    environment = {**os.environ, "SERVE_API_KEY": ""}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and not answers():
                time.sleep(0.2)
            yield
        finally:
            process.terminate()


def answers() -> bool:
    """Tell whether the server is there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5):
            return True
    except OSError:
        return False


def with_template(old: str, new: str) -> Callable[[Path], None]:
    """Return a function that changes a folder's chat template."""

    def plant(folder: Path) -> None:
        for name in ("tokenizer_config.json", "chat_template.json"):
            change(folder / name, lambda config: {"chat_template": config["chat_template"].replace(old, new)})

    return plant


def with_image_processor(**changes: object) -> Callable[[Path], None]:
    """Return a function that changes a folder's image processor."""
    return lambda folder: change(folder / "preprocessor_config.json", lambda _: changes)


def change(path: Path, changes: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change a JSON file."""
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | changes(config)), encoding="utf-8")


def round_weights(folder: Path) -> None:
    """Write the weights as they are after a conversion to float16."""
    path = folder / "model.safetensors"
    rounded = {name: array.astype(np.float16).astype(array.dtype) for name, array in load_file(path).items()}
    save_file(rounded, path, metadata={"format": "pt"})


FAULTS: dict[str, Callable[[Path], None]] = {
    "another template": with_template("<|im_start|>", "<|im_start|>\\n"),
    "think block": with_template("assistant\\n'", "assistant\\n<think>\\n\\n</think>\\n\\n'"),
    "another max_pixels": with_image_processor(size={"longest_edge": 160 * 160, "shortest_edge": 1024}),
    "another filter": with_image_processor(resample=2),
    "float16": round_weights,
}

SERVER = """
from dataclasses import replace
from infer.serve.__main__ import main
from infer.serve import chat

whole = chat.cut_answer

def listing(change):
    def cut_answer(answer, fields):
        answer = whole(answer, fields)
        tokens = answer.tokens
        return replace(answer, tokens=tuple(map(change, tokens[:1] + tokens[:-1], tokens)))
    chat.cut_answer = cut_answer
"""
"""A program that serves; `listing` has each token, after the one before it, changed by a function."""

LISTED = {
    "of the token before": "listing(lambda before, token: replace(token, logprob=before.logprob))",
    "temperature 0.5": "listing(lambda before, token: token if before is token else "
    "replace(token, logprob=2 * token.logprob))",
}
"""Faults in the probabilities of a server's tokens from the second on."""

if __name__ == "__main__":
    sys.exit(main())
