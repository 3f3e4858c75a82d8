"""From labelled rows to a model that has been judged."""
