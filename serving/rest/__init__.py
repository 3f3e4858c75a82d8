"""REST: every registered model behind HTTP."""
