"""The Space: compare, compose, train and publish models that follow individual system messages."""
