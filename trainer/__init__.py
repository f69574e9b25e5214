"""Fine-tune a language model to follow system messages, and measure how well it does."""
