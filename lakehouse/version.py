"""The version of the project, as reported by the build and every service."""

VERSION = "0.1.0"
