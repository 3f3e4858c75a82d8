"""Avro schemas: messages framed as Confluent frames them, and a registry of their schemas."""
