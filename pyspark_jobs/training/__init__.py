"""From labelled rows to a evaluation_rows model."""
