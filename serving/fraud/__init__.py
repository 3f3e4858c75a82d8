"""Routes of card fraud as its users know them."""
