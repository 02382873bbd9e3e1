"""Transformers' part of benchmarks/generate.py: reads batch sizes from standard input, answers and times.

Runs in an environment with torch and transformers, and imports nothing from this project.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import Qwen3VLForConditionalGeneration


def main() -> None:
    """Load the model, then answer the prompts with each batch size that is read."""
    checkpoint, prompts_file, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    model = Qwen3VLForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
    with np.load(prompts_file) as arrays:
        prompts = [
            (arrays[f"ids{number}"], arrays[f"pixels{number}"], arrays[f"grid{number}"])
            for number in range(len(arrays) // 3)
        ]
    print("ready", flush=True)
    for line in sys.stdin:
        size, count = map(int, line.split())
        wall, processor = time.perf_counter(), time.process_time()
        answers: list[list[int]] = []
        for start in range(0, count, size):
            answers += answer(model, prompts[start : min(start + size, count)], **settings)
        seconds = [time.perf_counter() - wall, time.process_time() - processor]
        print(json.dumps({"seconds": seconds, "answers": answers}), flush=True)


def answer(
    model: Any, prompts: Sequence[Any], max_new_tokens: int, end_ids: list[int], pad_id: int
) -> list[list[int]]:
    """Return the new token ids of one left-padded batch, up to the end token."""
    length = max(len(ids) for ids, _, _ in prompts)
    ids = torch.full((len(prompts), length), pad_id)
    mask = torch.zeros_like(ids)
    for row, (own, _, _) in enumerate(prompts):
        ids[row, length - len(own) :] = torch.from_numpy(own)
        mask[row, length - len(own) :] = 1
    with torch.no_grad():
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            mm_token_type_ids=(ids == model.config.image_token_id).long(),
            pixel_values=torch.from_numpy(np.concatenate([pixels for _, pixels, _ in prompts])),
            image_grid_thw=torch.from_numpy(np.concatenate([grid for _, _, grid in prompts])),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=end_ids,
            pad_token_id=pad_id,
        )
    answers = []
    for row in output[:, length:].tolist():
        stops = [place for place, token in enumerate(row) if token in end_ids]
        answers.append(row[: stops[0]] if stops else row)
    return answers


if __name__ == "__main__":
    main()
