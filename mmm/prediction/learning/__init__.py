"""The model: learners, their mixture, calibration, hazard, reasons."""
