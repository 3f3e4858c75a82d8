"""The call-detail-record source: world, files, history, and the streams made from them."""
