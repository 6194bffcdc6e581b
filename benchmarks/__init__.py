"""Timings and counts for people: wall clock here, never in a test."""
