"""DLC-Bench: detailed descriptions of regions, judged by a language model on a server."""
