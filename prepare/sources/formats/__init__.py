"""One module per annotation format. A module here is a `source.kind` of the same name.

Each module has `USUAL_BOXES`, the BoxFormat in which the format usually writes boxes,
`find_signs(listing) -> Iterator[Sign]`, which recognises the format in an undescribed folder, and
`open_source(settings, categories) -> Source`. Nothing else has to be registered.
"""
