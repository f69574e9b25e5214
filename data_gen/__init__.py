"""Grow a Multifaceted Collection from instructions, with any OpenAI-compatible teacher."""
