"""Figures of merit, calibration, the baseline and the gate. No torch, no MLflow, no Kubernetes."""
