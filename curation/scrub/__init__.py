"""Scrubbing: what detectors find is masked or replaced, held back, and written down without values."""
