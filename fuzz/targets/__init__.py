"""The targets: each has `check`, which takes any bytes and raises where a promise of its parser is broken.

Rule 1: a parser ends in a value or in the error it documents; any other exception is a finding.
Rule 2: what a value means is judged by other means than the parser's own: another parser, or reading it again.
"""
