"""N-particle systems started from independent samples of the initial law."""
