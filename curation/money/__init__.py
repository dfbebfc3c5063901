"""What a run would cost, and what everything has cost."""
