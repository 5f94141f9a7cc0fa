"""Whether this runs in a pod, which then has an account of its own for the Kubernetes API."""

import os

IN_CLUSTER = "KUBERNETES_SERVICE_HOST" in os.environ
