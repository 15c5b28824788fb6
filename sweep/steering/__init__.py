"""Looking at a sweep and steering it from another shell."""
