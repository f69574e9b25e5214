"""The page: Gradio, and nothing but Gradio."""
