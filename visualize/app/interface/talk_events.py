"""What clicks and messages of the app's page do: from a click to a description, and on in turns.

Events yield what changes on the page while the model writes.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from grounding.boxes import Size
from grounding.images.region_pictures import Mask
from grounding.samples import Detection
from infer.engines.protocol import Exchange
from infer.engines.segment.mask_request import digest_of
from infer.engines.segment.segmenter import Click
from visualize.app.answers.answer_html import describe_error
from visualize.app.answers.talk_html import describe_talk
from visualize.app.answers.talk_picture import draw_talk
from visualize.app.interface.page_events import Upload, open_own, page_language, run_model
from visualize.app.page_settings import AppSettings
from visualize.app.talk.saved_talk import SavedTalks
from visualize.app.talk.talk_state import Talk
from visualize.app.talk.talker import Talker
from visualize.app.texts import AppError
from visualize.app.uploads.stored_files import StoredFiles
from visualize.app.visitor_input import clean_question, parse_point

GROWTH = 1.1
"""A text that is being written is shown again when it is longer by this factor: the page gets few messages,
however long it becomes."""


class TalkParts(NamedTuple):
    """The parts of the page that a conversation changes, in the order of the events' outputs."""

    picture: Any
    described: Any
    raw: Any
    kept: None
    verified: str
    verify_button: Any
    talk: Talk | None


@dataclass(frozen=True)
class _Scene:
    """What an event is about: the visitor's session and language, the picture, and the state before."""

    session: str
    language: str
    picture: Image.Image
    talk: Talk

    @property
    def size(self) -> Size:
        return Size(*self.picture.size)


@dataclass(frozen=True)
class TalkEvents:
    """The functions behind clicks and messages; errors become a sentence in the visitor's language.

    `saved` is where conversations may be saved, None where they may not. The state of a conversation is kept
    by Gradio for each session, as the answers are.
    """

    talker: Talker
    settings: AppSettings
    files: StoredFiles
    saved: SavedTalks | None = None

    def click_new(
        self, request: gr.Request, upload: Upload | None, point: str, talk: Talk | None
    ) -> Iterator[TalkParts]:
        """Describe what is at a point."""
        yield from self._click(request, upload, point, talk, is_positive=True, is_new=True)

    def click_add(
        self, request: gr.Request, upload: Upload | None, point: str, talk: Talk | None
    ) -> Iterator[TalkParts]:
        """Describe the object with what is at a point, too."""
        yield from self._click(request, upload, point, talk, is_positive=True, is_new=False)

    def click_remove(
        self, request: gr.Request, upload: Upload | None, point: str, talk: Talk | None
    ) -> Iterator[TalkParts]:
        """Describe the object without what is at a point."""
        yield from self._click(request, upload, point, talk, is_positive=False, is_new=False)

    def undo(self, request: gr.Request, upload: Upload | None, talk: Talk | None) -> Iterator[TalkParts]:
        """Take back the last click."""
        try:
            scene = self._scene(request, upload, talk)
            before = scene.talk.undone()
            mask = run_model(partial(self.talker.mask, before, scene.picture))
            note = "" if before.clicks else "nothing_clicked_yet"
            text = describe_talk(before, scene.size, scene.language, note=note)
            yield self._parts(before, text, picture=self._draw(scene, before, mask))
        except AppError as error:
            yield _failed(error, page_language(request), talk)

    def say(
        self, request: gr.Request, upload: Upload | None, message: str, talk: Talk | None
    ) -> Iterator[tuple[Any, ...]]:
        """Answer what a visitor says next; the field of the message, the last output, is emptied then."""
        left: Any = ""
        try:
            with closing(self._answers(request, upload, message, talk)) as answers:
                for parts in answers:
                    yield (*parts, left)
                    left = gr.skip()
        except AppError as error:
            yield (*_failed(error, page_language(request), talk), gr.skip())

    def _answers(
        self, request: gr.Request, upload: Upload | None, message: str, talk: Talk | None
    ) -> Generator[TalkParts, None, None]:
        scene = self._scene(request, upload, talk)
        question = clean_question(message)
        with closing(_watched(self.talker.say(scene.talk, scene.picture, message))) as steps:
            for step in steps:
                if step.answered is None:
                    pending = Exchange(question, step.text)
                    text = describe_talk(scene.talk, scene.size, scene.language, pending=pending)
                    yield self._parts(scene.talk, text, step.text)
                    continue
                text = describe_talk(step.talk, scene.size, scene.language)
                drawn = self._draw(scene, step.talk, None, step.answered.detections)
                yield self._parts(step.talk, text, step.text, drawn)

    def save(self, request: gr.Request, upload: Upload | None, talk: Talk | None) -> Iterator[TalkParts]:
        """Save the conversation as a training record."""
        try:
            if self.saved is None:
                raise AppError("no_saving")
            scene = self._scene(request, upload, talk)
            system = self.talker.asker.wordings.system
            run_model(partial(self.saved.save, scene.talk, scene.picture, system))
            text = describe_talk(scene.talk, scene.size, scene.language, note="saved")
            yield self._parts(scene.talk, text)
        except AppError as error:
            yield _failed(error, page_language(request), talk)

    def _click(
        self,
        request: gr.Request,
        upload: Upload | None,
        point: str,
        talk: Talk | None,
        *,
        is_positive: bool,
        is_new: bool,
    ) -> Iterator[TalkParts]:
        try:
            scene = self._scene(request, upload, talk)
            click = Click(*parse_point(point, scene.size), is_positive)
            clicked, mask = run_model(
                partial(self.talker.click, scene.talk, scene.picture, click, is_new=is_new)
            )
            drawn: Any = self._draw(scene, clicked, mask)
            steps = _watched(self.talker.describe(clicked, scene.picture, scene.language))
            with closing(steps):
                for step in steps:
                    text = describe_talk(step.talk, scene.size, scene.language, described=step.described)
                    yield self._parts(step.talk, text, step.text, drawn)
                    drawn = gr.skip()
        except AppError as error:
            yield _failed(error, page_language(request), talk)

    def _scene(self, request: gr.Request, upload: Upload | None, talk: Talk | None) -> _Scene:
        """Return what an event is about; a conversation about another picture is over.

        Raises:
            AppError: the visitor has no such picture.
        """
        named = upload.get("path") if isinstance(upload, dict) else None
        picture = open_own(self.files, self.settings, request, named)
        digest = digest_of(picture)
        own = talk if talk is not None and talk.picture == digest else Talk(digest)
        return _Scene(str(request.session_hash), page_language(request), picture, own)

    def _draw(self, scene: _Scene, talk: Talk, mask: Mask | None, found: tuple[Detection, ...] = ()) -> str:
        """Return the path of a new picture of a conversation, which the session may fetch."""
        region = talk.box if mask is None else mask
        categories = self.talker.asker.wordings.categories
        drawn = draw_talk(scene.picture, region, talk.clicks, found, categories)
        return str(
            self.files.add_answer(scene.session, lambda path: drawn.save(path, "PNG", compress_level=3))
        )

    def _parts(self, talk: Talk, described: str, raw: Any = "", picture: Any = None) -> TalkParts:
        shown = gr.skip() if picture is None else picture
        return TalkParts(shown, described, raw, None, "", gr.update(interactive=False), talk)


def _watched(steps: Any) -> Any:
    """Yield steps whose text has grown enough, and those that say more than a longer text.

    Raises:
        AppError: as `run_model`.
    """
    least, last = 0.0, None
    with closing(steps):
        while True:
            step = run_model(partial(next, steps, None))
            if step is None:
                return
            facts = (step.answered, len(step.described), [each.check for each in step.described], step.talk)
            if facts != last or len(step.text) >= least:
                least, last = len(step.text) * GROWTH, facts
                yield step


def _failed(error: AppError, language: str, talk: Talk | None) -> TalkParts:
    """Say what went wrong; the conversation stays as it was."""
    sentence = describe_error(error, language)
    return TalkParts(gr.skip(), sentence, "", None, "", gr.update(interactive=False), talk)
