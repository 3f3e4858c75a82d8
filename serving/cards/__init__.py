"""What the stream service has to know about card transactions."""
