"""Render k8s/manifests from the chart, for `kubectl apply -k`: `python scripts/render_manifests.py [--check]`.

`--check` writes nothing and ends with 1 when the files differ from what the chart renders. Secrets are left out, so
that no password is in the repository: `k8s/manifests/secrets.sh` makes them in the cluster.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts/sentiment"
FOLDER = ROOT / "k8s/manifests"
RELEASE = NAMESPACE = "sentiment"
_DOCUMENT = re.compile(r"^---\n# Source: sentiment/templates/(?P<place>\S+)\n(?P<text>.*?)(?=^---\n|\Z)", re.M | re.S)
_HELM_ONLY = re.compile(r"^ *helm\.sh/[a-z-]+: .*\n", re.M)
# What is left of a hook's annotations once Helm's own are gone: nothing, or the comment that explained them.
_NO_ANNOTATIONS = re.compile(
    r"^(?P<indent> +)annotations:\n(?P<comments>(?:(?P=indent) +#.*\n)*)(?!(?P=indent) )", re.M
)

KUSTOMIZATION = """# Made by scripts/render_manifests.py from charts/sentiment.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {namespace}
resources:
{resources}
"""


def _without_helm(text: str) -> str:
    text = _HELM_ONLY.sub("", text)
    text = _NO_ANNOTATIONS.sub("", text)
    return text.replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize")


def _documents(rendered: str) -> Iterator[tuple[str, str]]:
    """Yield (template's path, text) of every object except Secrets."""
    for found in _DOCUMENT.finditer(rendered):
        text = found["text"].strip("\n") + "\n"
        if not re.search(r"^kind: Secret$", text, re.M):
            yield found["place"], _without_helm(text)


def manifests() -> dict[str, str]:
    """Return the text of every file that this script writes, by its path below `k8s/manifests`.

    Raises:
        subprocess.CalledProcessError: helm could not render.
    """
    rendered = subprocess.run(
        ["helm", "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--set", "tests.enabled=false"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files: dict[str, str] = {}
    for place, text in _documents(rendered):
        files[place] = f"{files[place]}---\n{text}" if place in files else text
    resources = "\n".join(f"  - {place}" for place in sorted(files))
    return files | {"kustomization.yaml": KUSTOMIZATION.format(namespace=NAMESPACE, resources=resources)}


def _there() -> dict[str, str]:
    """Read the existing rendered files: the files in folders, and the kustomization."""
    paths = [*FOLDER.glob("*/*.yaml"), *FOLDER.glob("kustomization.yaml")]
    return {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in paths}


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with `--check`; return the exit code."""
    if shutil.which("helm") is None:
        sys.stderr.write("helm is not installed (https://helm.sh, version 4)\n")
        return 2
    try:
        wanted, there = manifests(), _there()
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        return 1
    if "--check" in arguments:
        wrong = sorted(place for place in {*wanted, *there} if wanted.get(place) != there.get(place))
        if wrong:
            sys.stderr.write(f"k8s/manifests is not what the chart renders: {', '.join(wrong)}; run make manifests\n")
        return int(bool(wrong))
    for place in there.keys() - wanted.keys():
        (FOLDER / place).unlink()
    for place, text in wanted.items():
        path = FOLDER / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for folder in FOLDER.iterdir():
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
