"""Pictures with what a model found in them: from a run, from a folder, or from a camera."""
