"""The candidates of a detector that questions list, as a run asks with them."""
