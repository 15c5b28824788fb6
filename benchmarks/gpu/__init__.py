"""Speed on a GPU, side by side: rows 3, 4 and 6 of the table of ratios, and how costs grow.

Runs wherever torch finds a CUDA device, with torch, transformers, numpy, pyarrow and this repository alone.
"""
