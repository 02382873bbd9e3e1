"""Models and data sets from Hugging Face and ModelScope, in the cache of each hub's own library."""

import logging
import os
import re
import urllib.error
import urllib.request
import warnings
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError

log = logging.getLogger(__name__)

MODEL_HUBS = ("huggingface", "modelscope")
HUB_VARIABLE = "DOWNLOAD_SOURCE"
"""The environment variable that names the hub; PaddleFormers reads it, too."""

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
WEIGHT_FILES = "*.safetensors"
MODEL_PATTERNS = ("*.json", "*.jinja", "*.txt", WEIGHT_FILES)
"""The files of a model repository that are fetched: none of them holds code or pickles."""

MODEL, DATASET = "model", "dataset"
PROBE_SECONDS = 8
BY_HAND = {
    "huggingface": "hf download {repo} --local-dir FOLDER",
    "modelscope": "modelscope download --model {repo} --local_dir FOLDER",
}


def is_hub_id(name: str) -> bool:
    """Tell whether a name is a hub's `owner/model`: one slash, and `owner` is no folder here."""
    return bool(HUB_ID.fullmatch(name)) and not Path(name).exists() and not Path(name.split("/")[0]).is_dir()


def named_folder(name: str, only: str | None = None) -> Path:
    """Return the folder that a name stands for; a hub's `owner/model` is fetched, if no such folder exists.

    DOWNLOAD_SOURCE names the hub, huggingface if it is not set. The folder is in the cache of the hub's
    library: what is there is not fetched again, and an interrupted download resumes. `only` names one file,
    None stands for the whole model.

    Raises:
        UserError: DOWNLOAD_SOURCE names another hub, the hub does not answer and the cache has no copy, or
            there is no such model.
    """
    if not is_hub_id(name):
        return Path(name)
    hub = os.environ.get(HUB_VARIABLE, "").lower() or MODEL_HUBS[0]
    if hub not in MODEL_HUBS:
        raise UserError(
            f"{name}: {HUB_VARIABLE}={hub} is none of {', '.join(MODEL_HUBS)}: name one of them, or fetch "
            "the model by hand and name its folder"
        )
    log.info("%s: no such folder here, it is looked up on %s", name, hub)
    try:
        folder = fetch_repository(hub, MODEL, name, MODEL_PATTERNS if only is None else [only])
        if not any(folder.glob(only or WEIGHT_FILES)):
            raise FileNotFoundError(f"there is no {only or WEIGHT_FILES} in it")
    except Exception as error:  # the libraries raise errors of many kinds, those of requests and httpx too
        raise UserError(
            f"{name}: no such folder, and it cannot be fetched from {hub} ({brief(error)}): correct the "
            f"name, set {HUB_VARIABLE} to another hub, or fetch it where there is a network with "
            f"`{BY_HAND[hub].format(repo=name)}` and name that folder"
        ) from error
    return folder


def fetch_repository(hub: str, kind: str, repo: str, patterns: Sequence[str]) -> Path:
    """Fetch the matching files of a repository; `kind` is MODEL or DATASET. Return the folder in the cache.

    Raises:
        Exception: of the hub's library, of many kinds; ConnectionError if the hub does not answer and the
            cache has no copy.
    """
    fetch = _from_huggingface if hub == "huggingface" else _from_modelscope
    return Path(fetch(kind, repo, list(patterns)))


def brief(error: Exception) -> str:
    """Return the first line of what an error says, or its name; at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def answers(endpoint: str) -> bool:
    """Tell whether a web address answers at all within a few seconds, through the configured proxies."""
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _from_huggingface(kind: str, repo: str, allowed: list[str]) -> str:
    from huggingface_hub import constants, snapshot_download

    for name in ("huggingface_hub", "httpx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    offline = not answers(constants.ENDPOINT)
    try:
        return str(snapshot_download(repo, repo_type=kind, allow_patterns=allowed, local_files_only=offline))
    except OSError as error:
        if offline:
            raise ConnectionError(
                f"{constants.ENDPOINT} does not answer, and the cache has no copy"
            ) from error
        raise


def _from_modelscope(kind: str, repo: str, allowed: list[str]) -> str:
    from modelscope.hub.snapshot_download import dataset_snapshot_download, snapshot_download
    from modelscope_hub.config import get_default_config

    for name in ("modelscope", "modelscope_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MODELSCOPE_DOMAIN is deprecated in favour of MODELSCOPE_ENDPOINT
        endpoint = str(get_default_config().endpoint)
    offline = not answers(endpoint)
    if offline and kind == DATASET:
        raise ConnectionError(f"{endpoint} does not answer")
    if kind == DATASET:
        return str(dataset_snapshot_download(repo, allow_patterns=allowed))
    try:
        return str(snapshot_download(repo, allow_patterns=allowed, local_files_only=offline))
    except Exception as error:
        if offline:
            raise ConnectionError(f"{endpoint} does not answer, and the cache has no copy") from error
        raise
