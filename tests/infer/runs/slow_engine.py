"""`python slow_engine.py DATASET OUTPUT_DIR CHECKPOINT LOG [SHARD]`: predict, logging what is asked."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe
from infer.runs.predict import predict


class SlowEngine:
    def __init__(self, log: Path) -> None:
        self.log = log

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        time.sleep(0.2)
        with self.log.open("a", encoding="utf-8") as file:
            file.write("".join(f"{request.picture.name}\n" for request in requests))
        return [RawAnswer(f"red square(1,2),(30,{len(request.user)})", is_cut=False) for request in requests]


if __name__ == "__main__":
    shard = "".join(sys.argv[5:]) or None
    recipe = InferRecipe(
        checkpoint=sys.argv[3], dataset=sys.argv[1], output_dir=sys.argv[2], batch_size=2, shard=shard
    )
    predict(recipe, lambda settings: SlowEngine(Path(sys.argv[4])))
