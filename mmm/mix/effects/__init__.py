"""What the draws say of each channel: effect, contribution, response curve."""
