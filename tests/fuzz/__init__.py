"""Coverage-guided fuzzing of everything that reads what others sent, bounded in time. ``python -m tests.fuzz``."""
