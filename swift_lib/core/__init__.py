"""What every other part stands on: registry, errors, types, manifest, storage, tracking; stdlib only at import."""
