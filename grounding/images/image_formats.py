"""The image file formats that the project reads; a file of any other format is refused unopened."""

EXTENSIONS = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "BMP": "bmp",
    "GIF": "gif",
    "TIFF": "tif",
}
"""The file name extension of each format. Pillow calls a camera's JPEG with a preview inside MPO."""

IMAGE_FORMATS = tuple(name for name in EXTENSIONS if name != "MPO")
"""The `formats` of every `Image.open` on a file from outside; an MPO is opened as a JPEG.

Without them Pillow tries all that it knows, and gives PostScript to Ghostscript, an interpreter.
"""
