"""The four ways to train, each a file that reads from top to bottom."""
