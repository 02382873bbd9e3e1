"""`train_torch.py MODEL BATCHES STEPS RESULT`: a plain loop in torch on batches from files."""

import json
import sys
import time
from pathlib import Path

SKIPPED_STEPS = 10


def main(model_folder: str, batches: str, steps: int, result: Path) -> None:
    """Train with the recipe's optimizer and schedule; write samples per second and losses."""
    import numpy as np
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    model = Qwen3VLForConditionalGeneration.from_pretrained(model_folder, dtype=torch.float32)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3.0e-3, betas=(0.9, 0.95), weight_decay=0.0)
    warm = max(1, round(0.05 * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(step / warm, (steps - step) / max(1, steps - warm))
    )
    losses, samples, start = [], 0, 0.0
    for step, path in enumerate(sorted(Path(batches).glob("*.npz"))[:steps]):
        if step == SKIPPED_STEPS:
            start = time.perf_counter()
        arrays = np.load(path)
        ids = torch.from_numpy(arrays["input_ids"].astype(np.int64))
        labels = torch.full_like(ids, -100)  # PaddleFormers stores the next token at each position
        labels[:, 1:] = torch.from_numpy(arrays["labels"].astype(np.int64))[:, :-1]
        outputs = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=(ids == model.config.image_token_id).long(),
            pixel_values=torch.from_numpy(arrays["pixel_values"]),
            image_grid_thw=torch.from_numpy(arrays["image_grid_thw"].astype(np.int64)),
            labels=labels,
            use_cache=False,
        )
        outputs.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(outputs.loss))
        samples += len(ids) if step >= SKIPPED_STEPS else 0
    seconds = time.perf_counter() - start
    result.write_text(
        json.dumps({"samples_per_second": samples / seconds, "losses": losses}), encoding="utf-8"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
