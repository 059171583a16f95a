"""Shells round the pipeline's verbs for AWS Glue: arguments, steps, exit. They run as local processes too."""
