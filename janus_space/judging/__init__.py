"""Asking a model for its judgement: prompts, fences, how a verdict is read, and how far the judge can be trusted."""
