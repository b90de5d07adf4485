"""Dual cumulants, the duality identity, few particles exactly, and the BBGKY hierarchy."""
