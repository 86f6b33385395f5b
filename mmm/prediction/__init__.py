"""Lead scoring: a calibrated probability, its reasons, and which lead to call first."""
