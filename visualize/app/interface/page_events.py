"""What the buttons of the app's page do: from the visitor's words to the parts of the page that change."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from visualize.app.answered_question import AnsweredQuestion
from visualize.app.answers.answer_html import describe_answer, describe_checks, describe_error
from visualize.app.answers.answer_picture import draw_answer
from visualize.app.asker import Asker
from visualize.app.page_settings import AppSettings
from visualize.app.texts import AppError, choose_language
from visualize.app.uploads.checked_picture import MEGA, open_upload
from visualize.app.uploads.stored_files import StoredFiles
from visualize.app.visitor_input import parse_region

log = logging.getLogger(__name__)

Upload = dict[str, Any]
"""Gradio's description of an uploaded file; `path` is where it lies on the server."""

Kept = tuple[tuple[str, ...], AnsweredQuestion]
"""What the verify button needs: the paths of the uploads, and the answer."""


class AnswerParts(NamedTuple):
    """The parts of the page that an answer changes, in the order of the events' outputs."""

    picture: str | None
    """Path of the picture with boxes."""

    described: str
    raw: str
    kept: Kept | None
    verified: str
    verify_button: Any


@dataclass(frozen=True)
class PageEvents:
    """The functions behind the buttons; errors become a sentence in the visitor's language.

    `files` holds what visitors may fetch. Each answer gets a file of its own in it: Gradio itself would give
    equal pictures of several visitors one file, and rewrite it while they read it.
    """

    asker: Asker
    settings: AppSettings
    files: StoredFiles

    def ask_everything(self, request: gr.Request, upload: Upload | None, *more: Upload | None) -> AnswerParts:
        """Show every object in the picture, and in more that the same question shows."""
        return self._answer(
            request, (upload, *more), lambda picture, *others: self.asker.ask_everything(picture, others)
        )

    def ask_phrase(
        self, request: gr.Request, upload: Upload | None, phrase: str, *more: Upload | None
    ) -> AnswerParts:
        """Show where a phrase is in the picture, and in more that the same question shows."""
        return self._answer(
            request, (upload, *more), lambda picture, *others: self.asker.ask_phrase(picture, phrase, others)
        )

    def ask_region(
        self, request: gr.Request, upload: Upload | None, corners: str, question: str
    ) -> AnswerParts:
        """Show the answer to a question about a box in the picture."""

        def ask(picture: Image.Image) -> AnsweredQuestion:
            region = parse_region(corners, Size(*picture.size))
            return self.asker.ask_region(picture, region, question)

        return self._answer(request, (upload,), ask)

    def verify(self, request: gr.Request, kept: Kept | None) -> str:
        """Ask for each label of the last answer again, and describe how well the boxes agree."""
        language = page_language(request)
        try:
            if kept is None:
                raise AppError("nothing_asked")
            named, asked = kept
            if not any(item.label for item in asked.detections):
                raise AppError("nothing_to_verify")
            first, *others = self._open(request, named)
            checks = run_model(lambda: self.asker.check_labels(first, asked, others))
            return describe_checks(asked, checks, self.asker.wordings, language)
        except AppError as error:
            return describe_error(error, language)

    def _answer(
        self, request: gr.Request, uploads: Sequence[Upload | None], ask: Callable[..., AnsweredQuestion]
    ) -> AnswerParts:
        language = page_language(request)
        try:
            named = without_empty_ends(
                [each.get("path") if isinstance(each, dict) else None for each in uploads]
            )
            pictures = self._open(request, named)
            asked = run_model(lambda: ask(*pictures))
            drawn = draw_answer(pictures, asked, self.asker.wordings.categories)
            described = describe_answer(asked, self.asker.wordings, language)
            button = gr.update(interactive=any(item.label for item in asked.detections))
            file = self.files.add_answer(
                str(request.session_hash), lambda path: drawn.save(path, "PNG", compress_level=3)
            )
            kept = tuple(map(str, named)), asked
            return AnswerParts(str(file), described, asked.answered.raw, kept, "", button)
        except AppError as error:
            return AnswerParts(
                None, describe_error(error, language), "", None, "", gr.update(interactive=False)
            )

    def _open(self, request: gr.Request, named: Sequence[object]) -> list[Image.Image]:
        """Return the pictures of a question; together they have no more pixels than one may have.

        Raises:
            AppError: as `open_own`, or they have too many pixels together.
        """
        pictures: list[Image.Image] = []
        left = self.settings.max_megapixels
        for each in named:
            try:
                pictures.append(open_own(self.files, self.settings, request, each, left))
            except AppError as error:
                if error.key == "many_pixels" and pictures:
                    raise AppError("many_pixels_together", self.settings.max_megapixels) from error
                raise
            left -= pictures[-1].width * pictures[-1].height / MEGA
        return pictures

    def claim(self, request: gr.Request, upload: Upload | None) -> None:
        """Let the visitor's session own an upload, so that it is deleted with the session."""
        if isinstance(upload, dict):
            self.files.find(request.session_hash, upload.get("path"))

    def close(self, request: gr.Request) -> None:
        """Delete the files of a session whose page was closed."""
        if request.session_hash is not None:
            self.files.close_session(request.session_hash)


def without_empty_ends(named: Sequence[object]) -> list[object]:
    """Return the uploads of a question without the empty places behind them.

    Raises:
        AppError: there is an empty place before an upload: the numbers of the pictures would be wrong.
    """
    filled = max((place for place, each in enumerate(named, start=1) if each is not None), default=1)
    if filled > 1 and None in named[:filled]:
        raise AppError("gap_in_pictures", named.index(None) + 1)
    return list(named[:filled])


def open_own(
    files: StoredFiles,
    settings: AppSettings,
    request: gr.Request,
    named: object,
    max_megapixels: float | None = None,
) -> Image.Image:
    """Return the picture that a session names; its pixels are limited by the settings, or as is said.

    Raises:
        AppError: the session has no such file, whether the machine has one or not; or as `open_upload`.
    """
    path = files.find(request.session_hash, named)
    if path is None and named is not None:
        raise AppError("gone_picture")
    most = settings.max_megapixels if max_megapixels is None else max_megapixels
    return open_upload(path, settings.max_megabytes, most)


def run_model(ask: Callable[[], Any]) -> Any:
    """Ask, and turn every failure of the engine into an AppError.

    Raises:
        AppError: the question is not valid, or the engine refused or failed.
    """
    try:
        return ask()
    except AppError:
        raise
    except UserError as error:
        log.warning("not asked: %s", error)
        raise AppError("refused", _without_path(str(error))) from error
    except Exception as error:  # a bug of the engine goes to the log; the visitor gets a sentence
        log.exception("the model failed")
        raise AppError("failed", type(error).__name__) from error


def _without_path(message: str) -> str:
    """Return a message without the path of the temporary picture, which means nothing to a visitor."""
    path, colon, rest = message.partition(": ")
    return rest if colon and path.startswith("/") else message


def page_language(request: gr.Request) -> str:
    """Return the language of the page that a visitor sees."""
    return choose_language(request.headers.get("accept-language", ""))
