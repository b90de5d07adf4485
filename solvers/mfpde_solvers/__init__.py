"""The numerical engine of mfpde: NumPy arrays in, NumPy arrays out."""
