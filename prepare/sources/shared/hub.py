"""Downloads from Hugging Face and ModelScope, into the libraries' own caches."""

import logging
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterable
from pathlib import Path

from grounding.errors import UserError

PROBE_SECONDS = 8
BY_HAND = {
    "huggingface": "hf download --repo-type dataset {repo} --local-dir data/coco_source",
    "modelscope": "modelscope download --repo-type dataset {repo} --local-dir data/coco_source",
}


def download(hub: str, repo: str, patterns: Iterable[str]) -> Path:
    """Fetch the matching files of a data set repository, and return their folder.

    Files in the cache are not fetched again; an interrupted download resumes.

    Raises:
        UserError: the hub does not answer, or has no such repository. The message has the command to fetch
            the files by hand.
    """
    allowed = hub_patterns(patterns)
    fetch = _from_huggingface if hub == "huggingface" else _from_modelscope
    try:
        return Path(fetch(repo, allowed))
    except Exception as error:  # the libraries raise errors of many kinds, those of requests and httpx too
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"source.hub: {repo} cannot be fetched from {hub} ({reason}). Fetch it by hand, on a "
            f"machine with a network, with `{BY_HAND[hub].format(repo=repo)}`, then add "
            "source.hub=local source.path=data/coco_source"
        ) from error


def hub_patterns(patterns: Iterable[str]) -> list[str]:
    """Return glob patterns for the hubs, which use fnmatch: there, "**/" never matches the top folder."""
    return sorted({name for pattern in patterns for name in (pattern, pattern.removeprefix("**/"))})


def answers(endpoint: str) -> bool:
    """Tell whether a web address answers at all within a few seconds, through the configured proxies."""
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _from_huggingface(repo: str, allowed: list[str]) -> str:
    from huggingface_hub import constants, snapshot_download

    for name in ("huggingface_hub", "httpx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    offline = not answers(constants.ENDPOINT)
    try:
        return str(
            snapshot_download(repo, repo_type="dataset", allow_patterns=allowed, local_files_only=offline)
        )
    except OSError as error:
        if offline:
            raise ConnectionError(
                f"{constants.ENDPOINT} does not answer, and the cache has no copy"
            ) from error
        raise


def _from_modelscope(repo: str, allowed: list[str]) -> str:
    from modelscope.hub.snapshot_download import dataset_snapshot_download
    from modelscope_hub.config import get_default_config

    for name in ("modelscope", "modelscope_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MODELSCOPE_DOMAIN is deprecated in favour of MODELSCOPE_ENDPOINT
        endpoint = str(get_default_config().endpoint)
    if not answers(endpoint):
        raise ConnectionError(f"{endpoint} does not answer")
    return str(dataset_snapshot_download(repo, allow_patterns=allowed))
