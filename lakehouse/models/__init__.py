"""A trained model as one declarative file: forest, calibration and threshold, read and scored."""
