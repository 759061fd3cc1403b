"""What learns and recalls; it knows of chips only `WeightLimits`."""
