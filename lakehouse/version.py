"""The version of the project, as the build and every service tell it."""

VERSION = "0.1.0"
