"""Smidgen: PyTorch sequence models to proven C99 firmware for small microcontrollers."""
