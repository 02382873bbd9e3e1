"""What the scripts import that ask transformers."""

import torch
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer
from transformers.models.qwen3_vl import modeling_qwen3_vl
from transformers.models.qwen3_vl_moe import modeling_qwen3_vl_moe

__all__ = [
    "AutoImageProcessor",
    "AutoModelForImageTextToText",
    "AutoTokenizer",
    "modeling_qwen3_vl",
    "modeling_qwen3_vl_moe",
    "torch",
]
