"""Spans for OpenTelemetry. Only `environment` may be imported where its packages may be missing."""
