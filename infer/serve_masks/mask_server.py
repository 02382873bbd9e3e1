"""The application of the worker: a picture and a prompt come in, masks go out."""

import asyncio
import io
import queue
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import Response
from PIL import Image
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import UNREADABLE, model_pixels
from infer.engines.kept import Kept
from infer.engines.segment.mask_messages import MASKS_PATH, UNKNOWN_PICTURE, answer_body
from infer.engines.segment.mask_request import MaskRequest, digest_of
from infer.engines.segment.segmenter import MaskPrompt, ScoredMask, check_inside
from infer.engines.settings import MEGABYTE
from infer.serve.access import Access, RefusedError, check_json
from infer.serve.batching import Batcher
from infer.serve.chat_request import first_problem
from infer.serve.image_check import check_image_header
from infer.serve.replies.base_application import base_application
from infer.serve.request_body import InFlight, Reservation, parse_object, read_body
from infer.serve_masks.mask_body import MaskBody, SentPicture
from infer.serve_masks.worker_settings import BYTES_PER_PIXEL, WorkerSettings

MaskBatcher = Batcher[MaskRequest, tuple[ScoredMask, ...]]


@dataclass(frozen=True)
class KnownPicture:
    """A picture that a client has sent, RGB and upright."""

    picture: Image.Image
    digest: str

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return self.picture.width * self.picture.height * 3


class MaskServer:
    """What the routes share: settings, the queue, and the pictures that were sent."""

    def __init__(self, batcher: MaskBatcher, access: Access, settings: WorkerSettings) -> None:
        """Keep nothing yet."""
        self.batcher, self.access, self.settings = batcher, access, settings
        self.in_flight = InFlight(settings.max_inflight_megabytes * MEGABYTE)
        self.pictures = Kept(settings.picture_cache_megabytes * MEGABYTE)

    def application(self) -> FastAPI:
        """Return the application: POST /v1/masks and GET /health."""
        app = base_application("masks", self.access)

        @app.post(MASKS_PATH)
        async def masks(request: HttpRequest) -> Response:
            self.access.check_key(request.headers)
            check_json(request.headers)
            with self.in_flight.reserve() as share:
                body = await self._read_body(request, share)
                known = await self._picture(body.picture, share)
                prompt = _checked_prompt(body, known.picture)
                del body  # the bytes of the file need not wait
                found = await self._answer(MaskRequest(known.picture, known.digest, prompt))
                return Response(
                    await run_in_threadpool(lambda: to_json(answer_body(found))),
                    media_type="application/json",
                )

        return app

    async def _read_body(self, request: HttpRequest, share: Reservation) -> MaskBody:
        declared, limit = request.headers.get("content-length"), self.settings.max_megabytes * MEGABYTE
        raw = await read_body(request.stream(), declared, limit, self.settings.body_seconds, share)
        try:
            body = MaskBody.model_validate(parse_object(raw))
        except ValidationError as error:
            raise RefusedError(400, first_problem(error)) from error
        if len(body.clicks) > self.settings.max_clicks:
            raise RefusedError(
                400, f"clicks: {len(body.clicks)}, and at most {self.settings.max_clicks} (max_clicks)"
            )
        return body

    async def _picture(self, sent: SentPicture, share: Reservation) -> KnownPicture:
        if sent.png is None:
            known: KnownPicture | None = self.pictures.find(sent.digest)
            if known is None:
                raise RefusedError(404, "no picture has this digest here: send the picture", UNKNOWN_PICTURE)
            share.grow(known.picture.width * known.picture.height * BYTES_PER_PIXEL)
            return known
        size = check_image_header(sent.png, self.settings.max_megapixels)
        share.grow(size.width * size.height * BYTES_PER_PIXEL)  # before anything is decoded
        known = await run_in_threadpool(_decode, sent.png)
        self.pictures.put(known.digest, known)
        return known

    async def _answer(self, wanted: MaskRequest) -> tuple[ScoredMask, ...]:
        try:
            return await asyncio.wrap_future(self.batcher.submit(wanted))
        except queue.Full as error:
            raise RefusedError(503, "too many requests wait already (queue_size)") from error
        except UserError as error:
            raise RefusedError(400, str(error)) from error


def _decode(content: bytes) -> KnownPicture:
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
            picture = model_pixels(image)
    except UNREADABLE as error:
        raise RefusedError(400, f"the image: damaged: {error}") from error
    return KnownPicture(picture, digest_of(picture))


def _checked_prompt(body: MaskBody, picture: Image.Image) -> MaskPrompt:
    try:
        prompt = body.prompt()
        check_inside(prompt, Size(*picture.size))
    except (ValueError, UserError) as error:
        raise RefusedError(400, str(error)) from error
    return prompt
