"""The experiment that shows what the rules of two-phase training are worth."""
