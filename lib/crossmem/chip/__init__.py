"""What a chip is; it knows no network."""
