"""What an answer suggests about its endpoint: pure functions on a parsed answer, each finding with its reason."""
