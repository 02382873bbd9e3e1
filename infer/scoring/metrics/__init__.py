"""The metrics, one file each.

A file holds the keys of its metrics with their meaning, a function that measures an `Evaluation`, and a
`MetricFamily` that joins both. To add a metric, write such a file and add its family to `catalogue.FAMILIES`.
"""
