"""Images of evaluation sets are known by their content, and not sent to a teacher."""
