"""The console: FastAPI application, pages, static files, live values."""
