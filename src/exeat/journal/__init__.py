"""The audit trail where it is made: records in append-only files, safe before an answer is finished."""
