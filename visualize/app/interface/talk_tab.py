"""The tab to click and talk: its layout, and which button calls which event."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from visualize.app.interface.talk_events import TalkEvents

Texts = Callable[[str], Any]
"""Returns the text of a key, which the browser translates."""


@dataclass(frozen=True)
class TalkTab:
    """The parts of the tab."""

    point: gr.Textbox
    new: gr.Button
    add: gr.Button
    remove: gr.Button
    undo: gr.Button
    message: gr.Textbox
    send: gr.Button
    save: gr.Button


def add_talk_tab(text: Texts, *, may_save: bool) -> TalkTab:
    """Add the tab's parts where this is called; the button to save only where visitors may."""
    gr.Markdown(text("talk_help"))
    with gr.Row(elem_classes=["talk-row"]):
        message = gr.Textbox(
            label=text("message"), placeholder=text("message_example"), elem_id="message", lines=1,
            max_lines=1, scale=4, min_width=200,
        )  # fmt: skip
        send = gr.Button(text("talk_say"), variant="primary", elem_id="talk-say", scale=1, min_width=80)
    with gr.Row():
        undo = gr.Button(text("talk_undo"), elem_id="talk-undo", size="sm", min_width=100)
        save = gr.Button(text("talk_save"), elem_id="talk-save", size="sm", min_width=100, visible=may_save)
    point = gr.Textbox(
        label=text("point"), placeholder=text("point_example"), elem_id="point", lines=1, max_lines=1
    )
    with gr.Row():
        new, add, remove = (
            gr.Button(text(key), elem_id=name, size="sm", min_width=80)
            for key, name in (
                ("talk_new", "talk-new"), ("talk_add", "talk-add"), ("talk_remove", "talk-remove"),
            )
        )  # fmt: skip
    return TalkTab(point, new, add, remove, undo, message, send, save)


def connect_talk(
    tab: TalkTab, events: TalkEvents, upload: gr.Image, outputs: list[Any], talk: gr.State, **model: Any
) -> None:
    """Let clicks and messages call their events; `model` are the options of all events that ask the model."""
    outputs = [*outputs, talk]
    pointed, said = [upload, tab.point, talk], [upload, tab.message, talk]
    gr.on([tab.new.click, tab.point.submit], events.click_new, pointed, outputs, api_name="click", **model)
    tab.add.click(events.click_add, pointed, outputs, api_name="click_add", **model)
    tab.remove.click(events.click_remove, pointed, outputs, api_name="click_remove", **model)
    tab.undo.click(events.undo, [upload, talk], outputs, api_name="undo", **model)
    gr.on(
        [tab.send.click, tab.message.submit], events.say, said, [*outputs, tab.message], api_name="say",
        **model,
    )  # fmt: skip
    tab.save.click(events.save, [upload, talk], outputs, api_name="save", **model)
