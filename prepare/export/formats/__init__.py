"""One module per format; NAME_writer.py is `format=NAME`.

Each module has `FORMAT`, what the format can state, and `save(data, folder) -> Counter[str]`, which writes
the files and returns by reason what it had to leave out. Nothing else has to be registered.
"""
