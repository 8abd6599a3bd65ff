"""Coverage-guided fuzzing: one target for each parser, and what starts them; see CONTRIBUTING.md."""
