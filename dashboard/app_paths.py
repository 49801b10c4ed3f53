"""Paths that the application serves beside the pages."""

#: Outlines of countries, as TopoJSON.
SHAPES = "/shapes/world.json"
