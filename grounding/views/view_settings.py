"""Which views a question shows beside the whole picture: the keys of prepare and infer recipes."""

from dataclasses import dataclass

from grounding.recipe.schema import setting

NO_VIEWS, GLOBAL_AND_TILES, GLOBAL_AND_OBJECTS = "none", "global+tiles", "global+objects"
VIEW_CHOICES = (NO_VIEWS, GLOBAL_AND_TILES, GLOBAL_AND_OBJECTS)


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """The views of a picture; all other keys matter only with `views`."""

    views: str = setting(
        " | ".join(VIEW_CHOICES) + ": show crops of the picture beside it, overlapping tiles or the "
        "surroundings of its candidates",
        NO_VIEWS,
    )
    view_tiles: int = setting("views=global+tiles: tiles along each side of the picture", 2)
    view_size: int | None = setting(
        "views=global+tiles: longest side of a tile in pixels, in place of view_tiles; a smaller picture "
        "gets no tiles along that side",
        None,
    )
    view_overlap: float = setting("share of a tile that it shares with its neighbour, 0 to 0.9", 0.25)
    view_context: float = setting("views=global+objects: sides of a view, in those of its candidate", 2.0)
    view_most: int = setting("most views of a picture", 9)
    view_pixels: int | None = setting(
        "a view of more pixels is reduced to so many; null: it keeps the picture's full resolution", None
    )

    @property
    def has_views(self) -> bool:
        """Whether questions show views."""
        return self.views != NO_VIEWS

    def check_views(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        if self.views not in VIEW_CHOICES:
            raise ValueError(f"views: '{self.views}' is not one of {', '.join(VIEW_CHOICES)}")
        for key in ("view_tiles", "view_size", "view_most", "view_pixels"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"{key}: {value} is not a positive number")
        if not 0 <= self.view_overlap <= 0.9:
            raise ValueError(f"view_overlap: {self.view_overlap} is not a share from 0 to 0.9")
        if not self.view_context >= 1:
            raise ValueError(f"view_context: {self.view_context} is below 1: a view would cut its object")
        if self.views == GLOBAL_AND_TILES and self.view_size is None:
            if self.view_tiles < 2:
                raise ValueError("view_tiles: 1 tile is the whole picture: set 2 or more, or views=none")
            if self.view_tiles**2 > self.view_most:
                raise ValueError(
                    f"view_most: {self.view_most} is less than the {self.view_tiles**2} tiles of "
                    f"view_tiles={self.view_tiles}: set one of them anew"
                )
