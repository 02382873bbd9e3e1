"""Where annotated photographs come from: one module per layout; all implement `source.Source`."""
