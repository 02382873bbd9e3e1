"""What a user should know about scores: limits that cut something, and boxes in another notation."""
