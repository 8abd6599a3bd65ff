"""`exeat top`: what a running gateway does right now, for people without a browser."""
