"""Which descriptions are kept: rules, grounding them again, and the choice of the best."""
