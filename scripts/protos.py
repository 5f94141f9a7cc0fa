"""Write the protobuf module of the server's gRPC service: `python scripts/protos.py`.

protoc's module registers its messages in protobuf's default pool, where a name may be defined once per process. The
clients of KServe and Triton define the same names there, so this module gets a separate pool.
"""

import tempfile
from importlib import resources
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "model_server/rpc/proto"
PROTO = FOLDER / "inference.proto"
_DEFAULT_POOL, _OWN_POOL = "_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()"


def compile_proto(*outputs: str) -> None:
    """Run protoc on the definition; `outputs` are options such as `--python_out=FOLDER`."""
    from grpc_tools import protoc  # part of the extra `dev`

    included = resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"--proto_path={FOLDER}", f"--proto_path={included}", *outputs, str(PROTO)]
    if protoc.main(arguments):
        raise SystemExit(f"{PROTO} is not valid; see protoc's messages above")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        compile_proto(f"--python_out={folder}")
        module = (Path(folder) / "inference_pb2.py").read_text("utf-8")
    if module.count(_DEFAULT_POOL) != 1:
        raise SystemExit(f"protoc's module does not name {_DEFAULT_POOL} once; adapt {Path(__file__).name}")
    (FOLDER / "inference_pb2.py").write_text(module.replace(_DEFAULT_POOL, _OWN_POOL), "utf-8")


if __name__ == "__main__":
    main()
