"""The engine process: one base model, many adapters, one batch."""
