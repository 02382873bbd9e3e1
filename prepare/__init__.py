"""The first step: a source of annotated photographs becomes JSONL, images and card.json."""
