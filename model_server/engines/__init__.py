"""Engines beyond the release's default OpenVINO one."""
