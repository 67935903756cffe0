"""Training networks with torch; nothing outside this folder imports torch."""
