"""The page of segments: who the cards are, how they move, and whether predictions hold."""
