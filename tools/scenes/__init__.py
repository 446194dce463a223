"""The rooms and landscapes that tools/render_backgrounds.py renders: geometry and materials made by code alone."""
