"""The app's page: what Gradio shows, and what happens when a button is pressed."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from visualize.app.answer_html import describe_answer, describe_cycles, describe_error, draw_answer
from visualize.app.asker import Asked, Asker, parse_region
from visualize.app.texts import AppError, choose_language, say, translations
from visualize.app.uploads import open_upload

log = logging.getLogger(__name__)

ASSETS = Path(__file__).with_name("assets")
MODEL = "model"
"""Gradio's name for the events that wait for the model in one line."""

KEPT_SECONDS = 3600
"""How long uploads stay on the server."""

Kept = tuple[str, Asked]
"""What the verify button needs: the upload's path, and the answer."""

Answer = tuple[str | None, str, str, Kept | None, str, Any]
"""Picture's file, HTML, raw answer, what is kept; the verify button's HTML, emptied, and its state."""


def make_page(
    asker: Asker,
    name: str,
    examples: Sequence[Path],
    uploads: Path,
    *,
    max_megabytes: float,
    max_megapixels: float,
    concurrent: int,
) -> gr.Blocks:
    """Return the page for a loaded model called `name`.

    `uploads` is Gradio's folder of files that visitors may fetch. Answers get a file each in there: those
    that Gradio makes of an image are shared by visitors with the same one, and rewritten while they are read.
    """
    text = gr.I18n(**translations())

    def open_given(upload: dict[str, Any] | None) -> tuple[str, Image.Image]:
        path = (upload or {}).get("path")
        return str(path), open_upload(None if path is None else Path(path), max_megabytes, max_megapixels)

    def answering(ask: Callable[..., Asked]) -> Callable[..., Answer]:
        """Turn a question into what a button does: errors become a sentence in the visitor's language."""

        def answer(request: gr.Request, upload: dict[str, Any] | None, *words: str) -> Answer:
            language = _language(request)
            try:
                path, picture = open_given(upload)
                asked = _asking_model(ask, picture, *words)
                drawn = draw_answer(picture, asked, asker.wordings.categories)
                described = describe_answer(asked, asker.wordings, language)
                can_verify = any(item.label for item in asked.detections)
                button = gr.update(interactive=can_verify)
                file = Path(tempfile.mkdtemp(dir=uploads)) / "answer.png"
                drawn.save(file, "PNG", compress_level=3)
                return str(file), described, asked.answered.raw, (path, asked), "", button
            except AppError as error:
                return None, describe_error(error, language), "", None, "", gr.update(interactive=False)

        return answer

    def verify(request: gr.Request, kept: Kept | None) -> str:
        language = _language(request)
        try:
            if kept is None:
                raise AppError("nothing_asked")
            path, asked = kept
            if not any(item.label for item in asked.detections):
                raise AppError("nothing_to_verify")
            _, picture = open_given({"path": path})
            cycles = _asking_model(asker.ask_back, picture, asked)
            return describe_cycles(asked, cycles, asker.wordings, language)
        except AppError as error:
            return describe_error(error, language)

    def ask_everything(picture: Image.Image) -> Asked:
        return asker.ask_everything(picture)

    def ask_phrase(picture: Image.Image, phrase: str) -> Asked:
        return asker.ask_phrase(picture, phrase)

    def ask_region(picture: Image.Image, corners: str, question: str) -> Asked:
        return asker.ask_region(picture, parse_region(corners, Size(*picture.size)), question)

    with gr.Blocks(
        title=say("en", "title"),
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(KEPT_SECONDS, KEPT_SECONDS),
    ) as page:
        with gr.Row(elem_id="head"):
            gr.Markdown(text("title"), elem_id="title")
            gr.Markdown(name, elem_id="model")
        gr.Markdown(text("lead"), elem_id="lead")
        kept = gr.State(None)
        with gr.Row():
            with gr.Column(min_width=300):
                upload = gr.Image(
                    label=text("picture"), elem_id="picture", height=380, type="filepath", image_mode=None,
                    sources=["upload"], buttons=[], placeholder=text("drop"),
                )  # fmt: skip
                with gr.Tabs(selected="everything" if asker.wordings.knows_everything else "phrase"):
                    with gr.Tab(text("everything_tab"), id="everything"):
                        gr.Markdown(text("everything_help"))
                        everything = gr.Button(
                            text("everything_button"), variant="primary", elem_id="ask-everything"
                        )
                    with gr.Tab(text("phrase_tab"), id="phrase"):
                        phrase = gr.Textbox(
                            label=text("phrase"),
                            placeholder=text("phrase_example"),
                            elem_id="phrase",
                            lines=1,
                        )
                        find = gr.Button(text("phrase_button"), variant="primary", elem_id="ask-phrase")
                    with gr.Tab(text("region_tab"), id="region"):
                        gr.Markdown(text("region_help"))
                        corners = gr.Textbox(
                            label=text("region"),
                            placeholder=text("region_example"),
                            elem_id="corners",
                            lines=1,
                        )
                        region_question = gr.Textbox(
                            label=text("region_question"), placeholder=text("region_question_example"),
                            elem_id="region-question", lines=1,
                        )  # fmt: skip
                        ask = gr.Button(text("region_button"), variant="primary", elem_id="ask-region")
                if examples:
                    gr.Examples(
                        [[str(example)] for example in examples], [upload], label=text("examples"),
                        api_visibility="private",
                    )  # fmt: skip
            with gr.Column(min_width=300):
                drawn = gr.Image(
                    label=text("answer"), elem_id="drawn", height=380, interactive=False, format="png",
                    buttons=["download", "fullscreen"],
                )  # fmt: skip
                described = gr.HTML(
                    text("waiting"), elem_id="described", elem_classes=["words"], padding=False
                )
                verify_button = gr.Button(text("verify_button"), elem_id="verify", interactive=False)
                verified = gr.HTML(elem_id="verified", elem_classes=["words"], padding=False)
                raw = gr.Textbox(label=text("raw"), elem_id="raw", interactive=False, lines=2, max_lines=12)
        outputs = [drawn, described, raw, kept, verified, verify_button]
        # preprocess=False: an upload is judged by open_upload before anything decodes it.
        model = {"concurrency_limit": concurrent, "concurrency_id": MODEL, "preprocess": False}
        gr.on(
            [everything.click], answering(ask_everything), [upload], outputs, api_name="everything", **model
        )
        gr.on(
            [find.click, phrase.submit], answering(ask_phrase), [upload, phrase], outputs,
            api_name="phrase", **model,
        )  # fmt: skip
        gr.on(
            [ask.click, corners.submit, region_question.submit], answering(ask_region),
            [upload, corners, region_question], outputs, api_name="region", **model,
        )  # fmt: skip
        verify_button.click(verify, [kept], [verified], api_name="verify", **model)
        upload.change(None, None, corners, js="() => ''", api_visibility="private")
    return page


def _asking_model(ask: Callable[..., Any], *words: Any) -> Any:
    """Ask, with whatever fails on the way to the model as an AppError.

    Raises:
        AppError: the words cannot be asked, or the engine refused or failed.
    """
    try:
        return ask(*words)
    except AppError:
        raise
    except UserError as error:
        log.warning("not asked: %s", error)
        raise AppError("refused", _without_path(str(error))) from error
    except Exception as error:  # an engine's bug is the log's; the visitor gets a sentence
        log.exception("the model failed")
        raise AppError("failed", type(error).__name__) from error


def _without_path(message: str) -> str:
    """Return a message about a temporary file without the file's path, which tells a visitor nothing."""
    path, colon, rest = message.partition(": ")
    return rest if colon and path.startswith("/") else message


def _language(request: gr.Request) -> str:
    return choose_language(request.headers.get("accept-language", ""))
