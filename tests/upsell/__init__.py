"""A use case added by the book (docs/add-a-domain.md): who takes a larger tariff, hour by hour."""
