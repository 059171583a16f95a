"""Athena on one machine: a real Trino behind a server that speaks Athena's API, beside moto's S3, Glue and STS.

A tool of development; it stands alone and is no part of the wheel. Programs written for Athena run against it unmodified, with the
dialect that Athena has. What Athena refuses is refused here too, as a wrong yes is worse than a no.
"""
