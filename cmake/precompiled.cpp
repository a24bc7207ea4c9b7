// Carries the precompiled header that every other library reuses.
