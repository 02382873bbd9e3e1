"""An engine whose answers are made of the draw's number, for the tests of pairs."""

from collections.abc import Sequence

from infer.engines.protocol import RawAnswer, Request

RIGHT = "red square(100,100),(500,500)"


class ListEngine:
    """Answers a question about an image with a list of texts, by draw; `by_image` names other lists."""

    def __init__(self, texts: Sequence[str | RawAnswer], **by_image: Sequence[str | RawAnswer]) -> None:
        self.texts, self.by_image, self.asked = texts, by_image, 0

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += len(requests)
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> RawAnswer:
        answer = self.by_image.get(f"image{request.images[0].stem}", self.texts)[request.draw]
        return RawAnswer(answer, is_cut=False) if isinstance(answer, str) else answer
