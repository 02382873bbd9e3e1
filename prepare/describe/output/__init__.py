"""What is written: expressions that prepare reads, how they were made, and a page to look at."""
