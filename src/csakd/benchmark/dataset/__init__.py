"""The paper's data set, built from AVIRIS flight lines, and read back."""
