"""What the models say together: expected value, cohorts, triangulation, experiments."""
