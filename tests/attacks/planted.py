"""Secrets in the environment, and the files in which they turn up."""

import sys
import textwrap
from pathlib import Path

from train.child_environment import OWN_KEYS

PLANTED = "planted-7f3a"
SECRETS = {
    name: f"{PLANTED}-{name}"
    for name in (*OWN_KEYS, "HF_TOKEN", "MODELSCOPE_API_TOKEN", "WANDB_API_KEY", "DATABASE", "AWS_SECRET_KEY")
}
SECRETS |= {"HTTPS_PROXY": f"http://user:{PLANTED}@127.0.0.1:9", "HF_ENDPOINT": f"https://user:{PLANTED}@hub"}
HUB = {"model_name_or_path": "Qwen/Qwen3-VL-8B-Instruct"}
"""A recipe that needs the tokens of hubs, to download the model."""


def files_with_secrets(folder: Path) -> list[str]:
    """Return the names of the files that hold a planted secret; a recipe of the user's is none of them."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and PLANTED.encode() in path.read_bytes() and path.name != "recipe.yaml"
    ]


def launcher(folder: Path, script: str) -> list[str]:
    """Return the command of Paddle's own launcher with a script in place of the trainer."""
    file = folder / "script.py"
    file.write_text(textwrap.dedent(script))
    words = ("-m", "paddle.distributed.launch", "--nproc_per_node", "1", "--log_dir")
    return [sys.executable, *words, str(folder / "run" / "logs"), str(file)]
