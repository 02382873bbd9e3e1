"""Open the segmenter that the settings name."""

import importlib.util

from grounding.errors import UserError
from infer.engines.segment.segmenter import Segmenter
from infer.engines.segment.segmenter_settings import SegmenterSettings


def open_segmenter(settings: SegmenterSettings) -> Segmenter:
    """Load a backend into this process, or prepare the client of a worker.

    Raises:
        UserError: no such model folder or device, no torch, or an address that nothing can be sent to.
    """
    # Imported here, as torch and OpenCV are large.
    if settings.is_remote:
        from infer.engines.segment.remote_segmenter import RemoteSegmenter

        return RemoteSegmenter(settings)
    if settings.backend == "sam2":
        if importlib.util.find_spec("torch") is None:
            raise UserError(
                "backend=sam2: this Python has no torch: run make setup-sam, start infer.serve_masks with "
                "its Python, and set backend=http://127.0.0.1:8009 here"
            )
        from infer.engines.segment.sam2_segmenter import Sam2Segmenter

        return Sam2Segmenter(settings)
    if settings.backend == "paddlex":
        from infer.engines.segment.paddlex_segmenter import PaddleXSegmenter

        return PaddleXSegmenter(settings)
    if settings.backend == "grabcut":
        from infer.engines.segment.grabcut_segmenter import GrabCutSegmenter

        return GrabCutSegmenter()
    from infer.engines.segment.box_segmenter import BoxSegmenter

    return BoxSegmenter()
