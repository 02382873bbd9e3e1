"""What the buttons of the app's page do: from the visitor's words to the parts of the page that change."""

import logging
from collections.abc import Callable
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
from visualize.app.uploads.checked_picture import open_upload
from visualize.app.uploads.stored_files import StoredFiles
from visualize.app.visitor_input import parse_region

log = logging.getLogger(__name__)

Upload = dict[str, Any]
"""Gradio's description of an uploaded file; `path` is where it lies on the server."""

Kept = tuple[str, AnsweredQuestion]
"""What the verify button needs: the path of the upload, and the answer."""


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

    def ask_everything(self, request: gr.Request, upload: Upload | None) -> AnswerParts:
        """Show every object in the picture."""
        return self._answer(request, upload, self.asker.ask_everything)

    def ask_phrase(self, request: gr.Request, upload: Upload | None, phrase: str) -> AnswerParts:
        """Show where a phrase is in the picture."""
        return self._answer(request, upload, lambda picture: self.asker.ask_phrase(picture, phrase))

    def ask_region(
        self, request: gr.Request, upload: Upload | None, corners: str, question: str
    ) -> AnswerParts:
        """Show the answer to a question about a box in the picture."""

        def ask(picture: Image.Image) -> AnsweredQuestion:
            region = parse_region(corners, Size(*picture.size))
            return self.asker.ask_region(picture, region, question)

        return self._answer(request, upload, ask)

    def verify(self, request: gr.Request, kept: Kept | None) -> str:
        """Ask for each label of the last answer again, and describe how well the boxes agree."""
        language = language_of(request)
        try:
            if kept is None:
                raise AppError("nothing_asked")
            named, asked = kept
            if not any(item.label for item in asked.detections):
                raise AppError("nothing_to_verify")
            picture = open_own(self.files, self.settings, request, named)
            checks = run_model(lambda: self.asker.check_labels(picture, asked))
            return describe_checks(asked, checks, self.asker.wordings, language)
        except AppError as error:
            return describe_error(error, language)

    def _answer(
        self, request: gr.Request, upload: Upload | None, ask: Callable[[Image.Image], AnsweredQuestion]
    ) -> AnswerParts:
        language = language_of(request)
        try:
            named = upload.get("path") if isinstance(upload, dict) else None
            picture = open_own(self.files, self.settings, request, named)
            asked = run_model(lambda: ask(picture))
            drawn = draw_answer(picture, asked, self.asker.wordings.categories)
            described = describe_answer(asked, self.asker.wordings, language)
            button = gr.update(interactive=any(item.label for item in asked.detections))
            file = self.files.add_answer(
                str(request.session_hash), lambda path: drawn.save(path, "PNG", compress_level=3)
            )
            return AnswerParts(str(file), described, asked.answered.raw, (str(named), asked), "", button)
        except AppError as error:
            return AnswerParts(
                None, describe_error(error, language), "", None, "", gr.update(interactive=False)
            )

    def claim(self, request: gr.Request, upload: Upload | None) -> None:
        """Let the visitor's session own an upload, so that it is deleted with the session."""
        if isinstance(upload, dict):
            self.files.find(request.session_hash, upload.get("path"))

    def close(self, request: gr.Request) -> None:
        """Delete the files of a session whose page was closed."""
        if request.session_hash is not None:
            self.files.close_session(request.session_hash)


def open_own(files: StoredFiles, settings: AppSettings, request: gr.Request, named: object) -> Image.Image:
    """Return the picture that a session names.

    Raises:
        AppError: the session has no such file, whether the machine has one or not; or as `open_upload`.
    """
    path = files.find(request.session_hash, named)
    if path is None and named is not None:
        raise AppError("gone_picture")
    return open_upload(path, settings.max_megabytes, settings.max_megapixels)


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


def language_of(request: gr.Request) -> str:
    """Return the language of the page that a visitor sees."""
    return choose_language(request.headers.get("accept-language", ""))
