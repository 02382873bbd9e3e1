"""Views at inference: crops of each picture beside it in the same question, as preparing shows them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.boxes import to_grid
from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.views.view_mark import Views
from grounding.views.view_pictures import cut_view
from grounding.views.view_regions import choose_regions
from grounding.views.view_settings import ViewSettings
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking


@dataclass(frozen=True)
class AskWithViews:
    """Asks by `ask` with the views that the settings describe; answers are about the whole pictures.

    The prompt and the crops are those of a data set that was prepared with these settings.
    """

    ask: WayOfAsking
    settings: ViewSettings

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Write the views of all pictures, and ask all questions at once.

        Raises:
            UserError: a question that does not begin with its one picture, or one that cannot be read.
        """
        with tempfile.TemporaryDirectory(prefix="views_") as folder:
            written: dict[Path, Path] = {}
            for item in requests:
                written.setdefault(item.request.picture, Path(folder) / str(len(written)))
            views = [self._views(item) for item in requests]
            answers = self.ask(
                [
                    item if added is None else self._shown(item, added, written[item.request.picture])
                    for item, added in zip(requests, views, strict=True)
                ]
            )
        return [replace(answer, views=added) for answer, added in zip(answers, views, strict=True)]

    def _views(self, item: SizedRequest) -> Views | None:
        """Return the views of a question about one picture; None for its picture alone."""
        candidates = (to_grid(box, item.size) for box in item.asked.candidates)
        regions = choose_regions(self.settings, item.size, candidates)
        return Views.introduced(regions, item.request.user) if regions else None

    def _shown(self, item: SizedRequest, views: Views, folder: Path) -> SizedRequest:
        """Return a question with its views, whose files lie in a folder of their own."""
        request = item.request
        paths = [folder / ("_".join(map(str, region)) + ".png") for region in views.regions]
        missing = [each for each in zip(paths, views.regions, strict=True) if not each[0].is_file()]
        if missing:
            try:
                picture = read_pixels(request.picture)
            except UNREADABLE as error:
                raise UserError(f"{request.picture}: not usable as an image: {error}") from error
            folder.mkdir(exist_ok=True)
            for path, region in missing:
                cut_view(picture, region, self.settings.view_pixels).save(path, compress_level=1)
        user = views.add_to(request.user)
        if user is None:
            raise UserError(
                f"views={self.settings.views}: the question '{request.user[:60]}' does not begin with its "
                "picture: leave views out"
            )
        return replace(item, request=replace(request, images=(request.picture, *paths), user=user, about=1))
