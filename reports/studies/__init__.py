"""The research questions: what a sweep's grid varies, and what its results say of it."""
