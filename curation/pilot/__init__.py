"""A few prompts first: teachers compared, routes proposed, and whether to distil at all."""
