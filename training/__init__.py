"""Trains tokenizers and generators for Marimba; see README.md."""
