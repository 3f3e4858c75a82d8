"""The call-detail-record domain on the command line: demo, data commands, oracle."""
