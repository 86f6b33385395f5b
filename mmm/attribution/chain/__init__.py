"""Markov chains of order k over journeys: states, fit, removal of channels, choice of order."""
