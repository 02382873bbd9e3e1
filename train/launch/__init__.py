"""The training process: started, watched, resumed, and stopped as a whole."""
