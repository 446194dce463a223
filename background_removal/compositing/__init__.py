"""Composite the person over a background: blending, blur, backgrounds and their loading."""
