"""What a user reads and pastes after the check."""
