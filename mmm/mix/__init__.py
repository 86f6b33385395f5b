"""Marketing mix: what a euro returns, and where the next one should go."""
