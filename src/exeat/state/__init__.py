"""What is counted: cells of limits as a worker spends from them, and the ledger that several workers share."""
