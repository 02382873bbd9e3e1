"""`python slow_engine.py DATASET OUTPUT_DIR CHECKPOINT LOG [SHARD]`: predict, logging what is asked."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from infer.engines.checkpoint import Checkpoint
from infer.engines.protocol import Engine, RawAnswer, Request
from infer.recipe import InferRecipe
from infer.runs.predict import predict


class SlowEngine:
    def __init__(self, log: Path) -> None:
        self.log = log

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        time.sleep(0.2)
        with self.log.open("a", encoding="utf-8") as file:
            file.write("".join(f"{request.image.name}\n" for request in requests))
        return [RawAnswer(f"red square(1,2),(30,{len(request.user)})", is_cut=False) for request in requests]


def load(recipe: InferRecipe, checkpoint: Checkpoint | None) -> Engine:
    return SlowEngine(Path(sys.argv[4]))


if __name__ == "__main__":
    shard = "".join(sys.argv[5:]) or None
    predict(InferRecipe(sys.argv[3], sys.argv[1], sys.argv[2], batch_size=2, shard=shard), load)
