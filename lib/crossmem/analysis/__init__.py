"""Capacity, theory and statistics."""
