"""The client of a worker (`python -m infer.serve_masks`), which can sit on another GPU or machine."""

import asyncio
import json
import logging
import os
import re
import threading
import weakref
from collections import OrderedDict
from typing import Any

import httpx2
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.pixels import model_pixels
from grounding.remote.background_loop import run_in_background, start_in_background
from grounding.remote.bounded_http import BoundedClient, RefusedAnswerError
from grounding.remote.network_variables import certificate_problem, check_proxies
from grounding.remote.shown_text import public_address, root_cause, shown_text
from infer.engines.segment.mask_messages import (
    MASKS_PATH,
    UNKNOWN_PICTURE,
    NoMasksError,
    picture_field,
    prompt_fields,
    read_masks,
)
from infer.engines.segment.mask_request import digest_of
from infer.engines.segment.segmenter import MaskPrompt, ScoredMask, check_inside
from infer.engines.segment.segmenter_settings import SegmenterSettings

MASKS_KEY_VARIABLE = "MASKS_API_KEY"
MOST_BYTES = 64 * 1024**2
"""Of an answer: three masks of the largest picture, which are one bit a pixel."""

BUSY = (429, 503)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a busy worker is asked again: the first time, and at most."""

REMEMBERED = 256
"""Pictures that are remembered as sent: the worker may have forgotten them, and then asks again."""


class RemoteSegmenter:
    """A segmenter in another process; a picture is sent once for all clicks on it.

    The key comes from the environment variable MASKS_API_KEY; a worker without a key needs none. The worker
    is not trusted: its answer is bounded in time and size, and checked.
    """

    def __init__(self, settings: SegmenterSettings) -> None:
        """Create the client; nothing is sent yet.

        Raises:
            UserError: the key or the address cannot be sent in a request.
        """
        for library in ("httpx", "httpx2"):  # they log a line for every request
            logging.getLogger(library).setLevel(logging.WARNING)
        self.settings, self.key = settings, os.environ.get(MASKS_KEY_VARIABLE, "")
        if not re.fullmatch(r"[!-~]*", self.key):
            raise UserError(
                f"{MASKS_KEY_VARIABLE}: the key has blanks, line ends or characters outside ASCII"
            )
        check_proxies()
        try:
            self.worker = public_address(settings.backend)
            self.url = httpx2.URL(settings.backend.rstrip("/") + MASKS_PATH)
            self.client = BoundedClient(
                settings.timeout, MOST_BYTES, "backend", "ask about a smaller picture"
            )
        except OSError as error:
            raise UserError(certificate_problem(error)) from error
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise UserError("backend is no address that a request can go to: check it") from error
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self.client).atexit = False

    def segment(self, picture: Image.Image, prompt: MaskPrompt) -> tuple[ScoredMask, ...]:
        """Return the worker's masks, the best first.

        Raises:
            UserError: as `check_inside`; or the worker cannot be reached, refuses the request, or does not
                answer with masks of the picture.
        """
        upright = model_pixels(picture)
        size = Size(*upright.size)
        check_inside(prompt, size)
        fields, digest = prompt_fields(prompt), digest_of(upright)
        response = None
        if self._was_sent(digest):
            response = self._post({"picture": {"digest": digest}, **fields})
        if response is None or _is_unknown(response):
            response = self._post({"picture": picture_field(upright), **fields})
        if response.status_code != 200:
            raise self._refusal(response)
        self._remember(digest)
        try:
            return read_masks(json.loads(response.content), size)
        except ValueError as error:  # no JSON, or a NoMasksError
            reason = error if isinstance(error, NoMasksError) else "no JSON"
            raise UserError(
                f"{self.worker}: the answer is none about masks ({self._shown(str(reason))}): does "
                "python -m infer.serve_masks listen there?"
            ) from error

    def _post(self, body: dict[str, Any]) -> httpx2.Response:
        try:
            return run_in_background(self._send(json.dumps(body).encode()))
        except httpx2.TimeoutException as error:
            raise UserError(
                f"{self.worker}: no mask within {self.settings.timeout:g} s: raise timeout, or give it a GPU"
            ) from error
        except httpx2.RequestError as error:
            reason = self._shown(root_cause(error))
            raise UserError(f"{self.worker}: no connection ({reason}): is the worker running?") from error
        except RefusedAnswerError as error:
            raise UserError(f"{self.worker}: the worker {self._shown(str(error))}") from error

    async def _send(self, content: bytes) -> httpx2.Response:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        for retry in range(self.settings.retries + 1):
            response = await self.client.post(self.url, content=content, headers=headers)
            if response.status_code not in BUSY or retry == self.settings.retries:
                break
            await asyncio.sleep(min(FIRST_PAUSE * 2**retry, LONGEST_PAUSE))
        return response

    def _refusal(self, response: httpx2.Response) -> UserError:
        error = _error_of(response)
        said = self._shown(str(error.get("message") or "no message"))
        if response.status_code == 401:
            said += f": set the environment variable {MASKS_KEY_VARIABLE} to the worker's key"
        return UserError(f"{self.worker}: HTTP {response.status_code}, {said}")

    def _shown(self, text: str) -> str:
        return shown_text(text, [self.key])

    def _was_sent(self, digest: str) -> bool:
        with self._lock:
            return digest in self._sent

    def _remember(self, digest: str) -> None:
        with self._lock:
            self._sent[digest] = None
            self._sent.move_to_end(digest)
            while len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)


def _close(client: BoundedClient) -> None:
    start_in_background(client.aclose())


def _error_of(response: httpx2.Response) -> dict[str, Any]:
    try:
        error = json.loads(response.content)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _is_unknown(response: httpx2.Response) -> bool:
    return response.status_code == 404 and _error_of(response).get("code") == UNKNOWN_PICTURE
