"""An engine that describes, finds and goes on as it is told to, a word at a time."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from infer.engines.live_answers import Listener
from infer.engines.protocol import RawAnswer, Request
from tests.visualize.app.app_engine import RAW


class Conversing:
    """Describes spotlights as `words` in turn, and finds everything at `box`; later turns say `later`.

    The last of the words is said again and again.
    """

    def __init__(self, *words: str, box: str = RAW, later: str = RAW) -> None:
        self.words, self.box, self.later = list(words), box, later
        self.asked: list[Request] = []
        self.seen: list[np.ndarray] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        return [RawAnswer(self.say(request), is_cut=False) for request in requests]

    def answer_live(self, requests: Sequence[Request], listeners: Sequence[Listener]) -> list[RawAnswer]:
        return [self.tell(*each) for each in zip(requests, listeners, strict=True)]

    def tell(self, request: Request, hear: Listener) -> RawAnswer:
        text = self.say(request)
        for piece in text.split():
            hear(f"{piece} ")
        return RawAnswer(text, is_cut=False)

    def say(self, request: Request) -> str:
        self.asked.append(request)
        with Image.open(request.picture) as image:
            self.seen.append(np.asarray(image.convert("RGB")))
        if request.history:
            return self.later
        if "outline" not in request.user:
            return self.box
        return self.words.pop(0) if len(self.words) > 1 else self.words[0]


class NamingColours(Conversing):
    """Describes what is in the spotlight by the red of its middle, which tells one picture from another."""

    def say(self, request: Request) -> str:
        said = super().say(request)
        if "outline" in request.user:
            return f"thing of {self.seen[-1][35, 60, 0]}"
        return said
