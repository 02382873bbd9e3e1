"""The layout of the app's page in Gradio, and which button calls which event."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from visualize.app.answers.html_templates import render
from visualize.app.interface.page_events import PageEvents
from visualize.app.interface.talk_events import TalkEvents
from visualize.app.interface.talk_tab import TalkTab, Texts, add_talk_tab, connect_talk
from visualize.app.page_settings import AppSettings
from visualize.app.talk.saved_talk import SavedTalks
from visualize.app.talk.talker import Talker
from visualize.app.texts import say, translations
from visualize.app.uploads.stored_files import KEPT_SECONDS, StoredFiles

ASSETS = Path(__file__).with_name("assets")
MODEL = "model"
"""Gradio's name for the queue of all events that need the model."""

COLUMN_WIDTH = 300
"""Smallest width of a column in pixels."""

PICTURE_HEIGHT, MORE_HEIGHT = 380, 180


@dataclass(frozen=True)
class QuestionPart:
    """The left column: the pictures, and a tab for each kind of question."""

    upload: gr.Image
    more: list[gr.Image]
    everything_button: gr.Button
    phrase: gr.Textbox
    phrase_button: gr.Button
    corners: gr.Textbox
    region_question: gr.Textbox
    region_button: gr.Button
    talk: TalkTab


@dataclass(frozen=True)
class AnswerPart:
    """The right column: the picture with boxes, and what is said about the answer."""

    drawn: gr.Image
    described: gr.HTML
    verify_button: gr.Button
    verified: gr.HTML
    raw: gr.Textbox


def make_page(
    talker: Talker,
    settings: AppSettings,
    name: str,
    examples: Sequence[Sequence[Path]],
    files: StoredFiles,
) -> gr.Blocks:
    """Return the page for a loaded model called `name`; `files` holds uploads and answers.

    Each of the examples is the pictures of one question.
    """
    asker = talker.asker
    text = gr.I18n(**translations())
    first_tab = "everything" if asker.wordings.knows_everything else "phrase"
    with gr.Blocks(
        title=say("en", "title"),
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(int(KEPT_SECONDS), int(KEPT_SECONDS)),
    ) as page:
        _add_head(text, name, knows_candidates=asker.wordings.knows_candidates)
        kept, talk = gr.State(None), gr.State(None)
        with gr.Row():
            with gr.Column(min_width=COLUMN_WIDTH):
                question = _add_question(text, first_tab, examples, settings)
            with gr.Column(min_width=COLUMN_WIDTH):
                answer = _add_answer(text)
        events = PageEvents(asker, settings, files)
        _connect(events, question, answer, kept, settings.concurrent)
        page.unload(events.close)
        saved = None if settings.talks is None else SavedTalks(Path(settings.talks), settings.most_talks)
        talking = TalkEvents(talker, settings, files, saved)
        outputs, model = _outputs(answer, kept), _model(settings.concurrent)
        connect_talk(question.talk, talking, question.upload, outputs, talk, **model)
    return page


def _add_head(text: Texts, name: str, *, knows_candidates: bool) -> None:
    with gr.Row(elem_id="head"):
        gr.Markdown(text("title"), elem_id="title")
        gr.HTML(render("model_name.html", name=name), elem_id="model", padding=False)
    gr.Markdown(text("lead"), elem_id="lead")
    if knows_candidates:
        gr.Markdown(text("without_candidates"), elem_id="without-candidates")


def _add_question(
    text: Texts, first_tab: str, examples: Sequence[Sequence[Path]], settings: AppSettings
) -> QuestionPart:
    upload = _add_upload("picture", text("picture"), text("drop"), PICTURE_HEIGHT)
    more = _add_more(text, settings.max_pictures)
    with gr.Tabs(selected=first_tab):
        with gr.Tab(text("everything_tab"), id="everything"):
            gr.Markdown(text("everything_help"))
            everything_button = gr.Button(
                text("everything_button"), variant="primary", elem_id="ask-everything"
            )
        with gr.Tab(text("phrase_tab"), id="phrase"):
            phrase = _add_field(text, "phrase", "phrase")
            phrase_button = gr.Button(text("phrase_button"), variant="primary", elem_id="ask-phrase")
        with gr.Tab(text("region_tab"), id="region"):
            gr.Markdown(text("region_help"))
            corners = _add_field(text, "region", "corners")
            region_question = _add_field(text, "region_question", "region-question")
            region_button = gr.Button(text("region_button"), variant="primary", elem_id="ask-region")
        with gr.Tab(text("talk_tab"), id="talk"):
            talk = add_talk_tab(text, may_save=settings.talks is not None)
    if examples:
        _add_examples(text, examples, [upload, *more])
    return QuestionPart(
        upload, more, everything_button, phrase, phrase_button, corners, region_question, region_button, talk
    )


def _add_upload(name: str, label: Any, placeholder: Any, height: int) -> gr.Image:
    return gr.Image(
        label=label, elem_id=name, height=height, type="filepath", image_mode=None, sources=["upload"],
        buttons=[], placeholder=placeholder,
    )  # fmt: skip


def _add_more(text: Texts, most: int) -> list[gr.Image]:
    """Add a place for each further picture of a question, with its number, and a cross that takes it away."""
    if most == 1:
        return []
    with gr.Accordion(text("more_pictures"), open=False, elem_id="more-pictures"), gr.Row():
        return [
            _add_upload(f"picture-{number}", f"Image {number}", text("drop_more"), MORE_HEIGHT)
            for number in range(2, most + 1)
        ]


def _add_examples(text: Texts, examples: Sequence[Sequence[Path]], uploads: Sequence[gr.Image]) -> None:
    """Add rows of pictures; where all have one, nothing is done to the places of further pictures."""
    most = max(map(len, examples))
    rows = [[*map(str, pictures), *[None] * (most - len(pictures))] for pictures in examples]
    gr.Examples(rows, list(uploads[:most]), label=text("examples"), api_visibility="private")


def _add_field(text: Texts, key: str, name: str) -> gr.Textbox:
    return gr.Textbox(label=text(key), placeholder=text(f"{key}_example"), elem_id=name, lines=1)


def _add_answer(text: Texts) -> AnswerPart:
    return AnswerPart(
        drawn=gr.Image(
            label=text("answer"), elem_id="drawn", height=PICTURE_HEIGHT, interactive=False, format="png",
            buttons=["download", "fullscreen"],
        ),
        described=gr.HTML(text("waiting"), elem_id="described", elem_classes=["words"], padding=False),
        verify_button=gr.Button(text("verify_button"), elem_id="verify", interactive=False),
        verified=gr.HTML(elem_id="verified", elem_classes=["words"], padding=False),
        raw=gr.Textbox(label=text("raw"), elem_id="raw", interactive=False, lines=2, max_lines=12),
    )  # fmt: skip


def _outputs(answer: AnswerPart, kept: gr.State) -> list[Any]:
    """Return what an answer changes, in the order of AnswerParts."""
    return [answer.drawn, answer.described, answer.raw, kept, answer.verified, answer.verify_button]


def _model(concurrent: int) -> dict[str, Any]:
    """Return the options of events that ask the model."""
    # preprocess=False: open_upload checks an upload before anything decodes it.
    return {"concurrency_limit": concurrent, "concurrency_id": MODEL, "preprocess": False}


def _connect(
    events: PageEvents, question: QuestionPart, answer: AnswerPart, kept: gr.State, concurrent: int
) -> None:
    """Let buttons and the Enter key call their events.

    Programs ask about one picture by `everything` and `phrase`, which no button calls where the page takes
    several.
    """
    outputs, model = _outputs(answer, kept), _model(concurrent)
    upload, more = question.upload, question.more
    everything = [question.everything_button.click]
    phrase = [question.phrase_button.click, question.phrase.submit]
    programs = [gr.Button(visible=False).click] if more else []
    gr.on(programs or everything, events.ask_everything, [upload], outputs, api_name="everything", **model)
    gr.on(
        programs or phrase, events.ask_phrase, [upload, question.phrase], outputs, api_name="phrase", **model
    )
    gr.on(
        [question.region_button.click, question.corners.submit, question.region_question.submit],
        events.ask_region, [upload, question.corners, question.region_question], outputs,
        api_name="region", **model,
    )  # fmt: skip
    answer.verify_button.click(events.verify, [kept], [answer.verified], api_name="verify", **model)
    _claim(events, upload)
    upload.change(None, None, question.corners, js="() => ''", api_visibility="private")
    if more:
        gr.on(
            everything, events.ask_everything, [upload, *more], outputs, api_name="everything_in_all", **model
        )
        gr.on(
            phrase, events.ask_phrase, [upload, question.phrase, *more], outputs, api_name="phrase_in_all",
            **model,
        )  # fmt: skip
    for each in more:
        _claim(events, each)


def _claim(events: PageEvents, upload: gr.Image) -> None:
    """Let the session own what is uploaded there."""
    upload.upload(
        events.claim, [upload], None, preprocess=False, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
