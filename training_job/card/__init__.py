"""The model card: findings, plots, Markdown and HTML."""
