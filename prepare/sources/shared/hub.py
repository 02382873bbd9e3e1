"""Data sets from Hugging Face and ModelScope, in the cache of each hub's own library."""

from collections.abc import Iterable
from pathlib import Path

from grounding.errors import UserError
from models.hub_downloads import DATASET, brief, fetch_repository

DATASETS_BY_HAND = {
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
    try:
        return fetch_repository(hub, DATASET, repo, hub_patterns(patterns))
    except Exception as error:  # the libraries raise errors of many kinds, those of requests and httpx too
        raise UserError(
            f"source.hub: {repo} cannot be fetched from {hub} ({brief(error)}). Fetch it by hand, on a "
            f"machine with a network, with `{DATASETS_BY_HAND[hub].format(repo=repo)}`, then add "
            "source.hub=local source.path=data/coco_source"
        ) from error


def hub_patterns(patterns: Iterable[str]) -> list[str]:
    """Return glob patterns for the hubs, which use fnmatch: there, "**/" never matches the top folder."""
    return sorted({name for pattern in patterns for name in (pattern, pattern.removeprefix("**/"))})
