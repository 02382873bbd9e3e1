"""A training run as a child process: started, watched, resumed, and ended with all of its processes."""
