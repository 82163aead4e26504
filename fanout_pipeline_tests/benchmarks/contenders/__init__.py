"""Contenders that do what a comparison has to notice."""
