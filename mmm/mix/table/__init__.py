"""The table a model is fitted on: periods, outcomes, what is ready, whether it is enough."""
