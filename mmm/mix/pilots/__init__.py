"""Tests worth running: their design, their value, and what they showed."""
