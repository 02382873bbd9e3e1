"""What a training process gets of the environment, and the files into which its launcher writes it.

Paddle's launcher writes every variable that it has into the run's folder. So it gets the variables that
Python, the libraries and the devices read, and no others; keys and passwords only where the run needs them.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from models.hub_downloads import is_hub_id

MORE_VARIABLES = "VISUAL_GROUNDING_ENV"
"""The variable with more names to pass on, separated by commas; `*` stands for any letters."""

OWN_KEYS = ("APP_PASSWORD", "SERVE_API_KEY", "OPENAI_API_KEY", "CYCLE_API_KEY")
"""Keys of this project's servers and clients, which no training needs: they are never passed on."""

PASSED = (
    *(
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "COLUMNS",
        "LINES",
        "TZ",
        "LANG",
        "LANGUAGE",
        "LC_*",
    ),
    *("TMPDIR", "TEMP", "TMP", "XDG_*", "LD_*", "PYTHON*", "VIRTUAL_ENV", "CONDA_*", "MALLOC_*"),
    *("CUDA_*", "NVIDIA_*", "GPU_*", "CUDNN_*", "CUBLAS_*", "TRITON_*", "NCCL_*", "UCX_*", "GLOO_*", "FI_*"),
    *("XPU*", "BKCL_*", "ASCEND_*", "HCCL_*"),
    *(
        "PADDLE*",
        "FLAGS_*",
        "FLAG_*",
        "GLOG_*",
        "PF_HOME",
        "PPNLP_*",
        "CPU_NUM",
        "TRANSFORMERS_*",
        "TOKENIZERS_*",
    ),
    *("OMP_*", "KMP_*", "GOMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "RAYON_*"),
    *("HF_*", "HUGGINGFACE_*", "MODELSCOPE_*", "AISTUDIO_*", "DOWNLOAD_SOURCE", "WANDB_*", "SWANLAB_*"),
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "NNODES", "MASTER_*", "POD_IP", "TRAINER_*", "SLURM_*"),
    *("SSL_CERT_*", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""The variables that a training process gets, by name; `*` stands for any letters."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
"""Passed on, in upper and lower case."""

SECRET = re.compile(
    r"(?:^|_)(?:(?:API|ACCESS|SECRET|PRIVATE)?(?:KEY|TOKEN)S?|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|JWT)"
    r"(?:$|_(?!(?:PATH|FILE|DIR|HOME)$))",
    re.IGNORECASE,
)
"""A word in the name of a secret: it is passed on only for a download or a report, or if the user names it.

NCCL_IB_PKEY and HF_TOKEN_PATH are no secrets."""

USER_IN_URL = re.compile(r"://[^/\s]*@")
"""A value with such an address, as that of a proxy with a password, is a secret, too."""

DOWNLOAD_SECRETS = ("HF_*", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_*", "MODELSCOPE_*", "AISTUDIO_*")
REPORT_SECRETS = {"wandb": "WANDB_*", "swanlab": "SWANLAB_*"}

ENVIRONMENT_DUMPS = ("envlog.*", "backup_env.*.json")
LAUNCHER_LOGS = "*.*.log"
"""The launcher's own log, JOB.POD.log, begins with a line of all variables."""

DUMP_START = b"environ({"


def passed_variables(recipe: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the training of this recipe needs, in their order.

    Tokens of hubs, and proxies with a password, are needed while the model is a hub's and may have to be
    downloaded; keys of wandb and swanlab are needed if the recipe reports there.

    Raises:
        UserError: the user asks for a key of this project's own to be passed on.
    """
    more = [name.strip() for name in variables.get(MORE_VARIABLES, "").split(",") if name.strip()]
    if refused := sorted(set(more) & set(OWN_KEYS)):
        raise UserError(f"{MORE_VARIABLES}: {refused[0]} is never passed on to a training: leave it out")
    secrets = _needed_secrets(recipe)
    return {
        name: value
        for name, value in variables.items()
        if name not in OWN_KEYS
        and (_matches(name, more) or _matches(name, secrets if is_secret(name, value) else PASSED + PROXIES))
    }


def _needed_secrets(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    downloads = is_hub_id(str(recipe.get("model_name_or_path") or ""))
    reports = str(recipe.get("report_to") or "")
    kept = (pattern for name, pattern in REPORT_SECRETS.items() if name in reports or reports == "all")
    return (*(DOWNLOAD_SECRETS + PROXIES if downloads else ()), *kept)


def is_secret(name: str, value: str) -> bool:
    """Tell whether a variable is a secret, by its name or as an address with a password."""
    return bool(SECRET.search(name) or USER_IN_URL.search(value))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower() if pattern in PROXIES else name, pattern) for pattern in patterns)


def remove_environment_dumps(logs: Path) -> None:
    """Remove what Paddle's launcher has written of the environment, when none of its processes lives."""
    for pattern in ENVIRONMENT_DUMPS:
        for file in logs.glob(pattern):
            file.unlink()
    _blank_launcher_logs(logs)


def blank_environment_dumps() -> None:
    """Take secrets out of the launcher's files, in a training process, when the launcher has written them.

    Paddle may still read the backup of the environment: it loses its secrets alone.
    """
    if logs := os.environ.get("PADDLE_LOG_DIR"):
        for file in Path(logs).glob("envlog.*"):
            with suppress(OSError):  # another process of this node was faster
                file.unlink()
        _blank_launcher_logs(Path(logs))
    backup = Path(os.environ.get("PADDLE_BACKUP_ENV_PATH") or "")
    with suppress(OSError, ValueError):  # it is gone, or no JSON: then it holds nothing that Paddle reads
        variables = json.loads(backup.read_text(encoding="utf-8"))
        kept = {name: value for name, value in variables.items() if not is_secret(name, str(value))}
        backup.write_text(json.dumps(kept, indent=4, sort_keys=True), encoding="utf-8")


def _blank_launcher_logs(logs: Path) -> None:
    """Replace the line of variables; the launcher writes it again into a log that is empty or gone."""
    for file in logs.glob(LAUNCHER_LOGS):
        with suppress(OSError):
            content = file.read_bytes()
            if content.startswith(DUMP_START):
                file.write_bytes(b"environ: removed\n" + content.partition(b"\n")[2])
