"""A hash of what an image shows, so that it is known under any name and in any lossless file."""

import hashlib

from PIL import Image


def hash_picture(picture: Image.Image) -> str:
    """Return a hash of the size and of the pixels of a picture, which are those of `model_pixels`."""
    digest = hashlib.blake2b(f"{picture.size}\n".encode(), digest_size=16)
    digest.update(picture.tobytes())
    return digest.hexdigest()
