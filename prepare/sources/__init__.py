"""Where annotated photographs come from: a module for each layout, all with the Protocol of `source`."""
