"""Where the real Qwen3 tokenizer is, for the tests that need it: it is not a part of this repository."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VARIABLE = "QWEN3_TOKENIZER"
REAL_TOKENIZER = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared" / "qwen3_tokenizer")
IS_THERE = (REAL_TOKENIZER / "tokenizer.json").is_file()
REASON = f"no Qwen3 tokenizer in ../shared/qwen3_tokenizer, nor in a folder that {VARIABLE} names"
