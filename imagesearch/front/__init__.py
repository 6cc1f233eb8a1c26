"""The web server: slow clients wait in one event loop, and a thread is given only to what has come in whole."""
