"""What a lead looked like on a day, and what followed."""
