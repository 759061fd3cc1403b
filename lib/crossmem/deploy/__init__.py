"""A network on a chip: functions from network to network."""
