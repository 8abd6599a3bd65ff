"""`exeat audit`: reading the audit trail."""
