"""The control plane's HTTP interface: one file for each resource, and what all of them share."""
