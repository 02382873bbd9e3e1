"""The size to which the image processor of a model's folder resizes an image, of whatever family it is."""

from collections.abc import Callable
from pathlib import Path

from grounding.boxes import Size
from models.folder_files import read_object
from models.processors import check_image_settings
from models.qwen3_vl.resolution import MAX_PIXELS, MERGE, MIN_PIXELS, PATCH, training_size

PROCESSOR_FILE = "preprocessor_config.json"


def image_resizer(folder: Path) -> Callable[[Size], Size]:
    """Return the function from an image's size to the size in which the model sees it.

    Qwen2-VL, Qwen2.5-VL and Qwen3-VL resize alike: to whole vision tokens, with limits for the pixels.

    Raises:
        UserError: the folder has no settings of an image processor, or one of them is none.
    """
    path = folder / PROCESSOR_FILE
    settings = read_object(path)
    check_image_settings(settings, str(path))
    limits = settings.get("size") or {}
    lower = settings.get("min_pixels") or limits.get("shortest_edge") or MIN_PIXELS
    upper = settings.get("max_pixels") or limits.get("longest_edge") or MAX_PIXELS
    factor = (settings.get("patch_size") or PATCH) * (settings.get("merge_size") or MERGE)
    return lambda size: training_size(size, lower, upper, factor)
